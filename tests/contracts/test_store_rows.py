"""What queries may rely on: payloads and task rows, on every implementation of the store port."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from actors.behaviour import Keep
from actors.store import Payload, TaskRow
from actors.task_lifecycle import TERMINAL, TaskState
from tests.contracts.store_rigs import Bench, row


class TestPayloads:
    def test_bodies_come_back_as_they_were_kept(self, bench: Bench) -> None:
        big = bytes(range(256)) * 40_000
        bench.commit(payloads=[Keep("t1", "input", big, "image/png", b'{"user":1}'), Keep("t1", "result", b"")])
        assert bench(bench.store.payload("t1", "input")) == Payload(big, "image/png", b'{"user":1}')
        assert bench(bench.store.payload("t1", "result")) == Payload(b"", "application/json", b"{}")
        assert bench(bench.store.payload("t2", "input")) is None

    def test_the_first_one_stays(self, bench: Bench) -> None:
        bench.commit(payloads=[Keep("t1", "result", b"1")])
        bench.commit(payloads=[Keep("t1", "result", b"2"), Keep("t2", "result", b"3")])
        assert bench(bench.store.payload("t1", "result")) == Payload(b"1", "application/json", b"{}")
        assert bench(bench.store.payload("t2", "result")) == Payload(b"3", "application/json", b"{}")

    def test_of_checkpoints_the_last_stays(self, bench: Bench) -> None:
        bench.commit(
            payloads=[Keep("t1", "checkpoint", b"1"), Keep("t2", "checkpoint", b"2"), Keep("t1", "result", b"r")]
        )
        bench.commit(
            payloads=[Keep("t1", "checkpoint", b"3"), Keep("t1", "result", b"s"), Keep("t1", "checkpoint", b"4")]
        )
        assert bench(bench.store.payload("t1", "checkpoint")) == Payload(b"4", "application/json", b"{}")
        assert bench(bench.store.payload("t2", "checkpoint")) == Payload(b"2", "application/json", b"{}")
        assert bench(bench.store.payload("t1", "result")) == Payload(b"r", "application/json", b"{}")


class TestInputs:
    def test_tasks_come_with_their_inputs_and_without_those_that_are_not_there(self, bench: Bench) -> None:
        ids = [f"t{n}" for n in range(100)]
        bench.commit(
            new_rows={id_: row(priority=2) for id_ in ids},
            payloads=[Keep(id_, "input", id_.encode(), "text/plain", b'{"a":1}') for id_ in ids if id_ != "t7"]
            + [Keep("t1", "result", b"no input")],
        )
        found = bench(bench.store.inputs([*ids, "unknown"]))
        assert set(found) == set(ids) - {"t7"}
        assert found["t1"] == (bench.task("t1"), Payload(b"t1", "text/plain", b'{"a":1}'))

    def test_what_is_known_of_tasks_is_found_under_our_ids_alone(self, bench: Bench) -> None:
        bench.commit(new_rows={"t1": row(digest="d1", scheduled_ti="i1"), "t2": row(remote_id="r")})
        known = bench(bench.store.known(["t1", "t2", "r", "unknown"]))
        assert known == {"t1": ("d1", "i1"), "t2": ("d", "")}


class TestTaskRows:
    def test_a_row_holds_what_was_given_and_defaults(self, bench: Bench) -> None:
        bench.commit(new_rows={"t1": row(priority=-19, scope="repo/ä")})
        assert bench.task("t1") == TaskRow(
            "t1", "a", "m", -19, "repo/ä", "rest", "d", TaskState.QUEUED, submitted_at=12.5
        )
        assert isinstance(bench.task("t1").state, TaskState)
        assert bench(bench.store.task("t2")) is None

    def test_changes_touch_their_columns_only(self, bench: Bench) -> None:
        ids = [f"t{n}" for n in range(150)]
        bench.commit(new_rows={id_: row() for id_ in ids})
        before = bench.task("t0")
        bench.commit(
            changed_rows={
                **{id_: {"state": TaskState.DISPATCHED, "attempt": n} for n, id_ in enumerate(ids[:140])},
                "t140": {"remote_id": "r", "execution_ms": 1.5},
                "t141": {},
                "unknown": {"attempt": 9},
            }
        )
        assert bench.task("t7") == replace(before, task_id="t7", state=TaskState.DISPATCHED, attempt=7)
        assert bench.task("t140") == replace(before, task_id="t140", remote_id="r", execution_ms=1.5)
        assert bench.task("t141") == replace(before, task_id="t141")
        bench.commit(changed_rows={"t140": {"execution_ms": None}})
        assert bench.task("t140").execution_ms is None

    def test_a_new_row_and_its_change_in_one_transaction_merge(self, bench: Bench) -> None:
        bench.commit(new_rows={"t1": row()}, changed_rows={"t1": {"state": TaskState.RUNNING, "attempt": 1}})
        assert (bench.task("t1").state, bench.task("t1").attempt) == (TaskState.RUNNING, 1)

    @pytest.mark.parametrize("end", sorted(TERMINAL))
    def test_an_end_is_never_overwritten(self, bench: Bench, end: TaskState) -> None:
        bench.commit(new_rows={"t1": row(), "t2": row()})
        bench.commit(changed_rows={"t1": {"state": end, "error": "why"}})
        bench.commit(changed_rows={id_: {"state": TaskState.RUNNING, "error": "not"} for id_ in ("t1", "t2")})
        assert (bench.task("t1").state, bench.task("t1").error) == (end, "why")
        assert bench.task("t2").state == TaskState.RUNNING
        bench.commit(new_rows={"t3": row(state=end)}, changed_rows={"t3": {"state": TaskState.RUNNING}})
        assert bench.task("t3").state == end

    @pytest.mark.parametrize("end", sorted(TERMINAL))
    def test_an_ended_task_stays_where_it_ended_whatever_comes_in_one_transaction(
        self, bench: Bench, end: TaskState
    ) -> None:
        bench.commit(new_rows={"t1": row(scheduled_ti="i1"), "t2": row(scheduled_ti="i1")})
        bench.commit(changed_rows={"t1": {"state": end}})
        bench.commit(changed_rows={id_: {"scheduled_ti": "i2"} for id_ in ("t1", "t2")})
        assert (bench.task("t1").scheduled_ti, bench.task("t2").scheduled_ti) == ("i1", "i2")
        new, late = {"t3": row(state=end, scheduled_ti="i1")}, {"t3": {"scheduled_ti": "i2"}}
        bench.commit(new_rows=new, changed_rows=late)
        assert bench.task("t3").scheduled_ti == "i1"

    def test_what_is_learnt_after_the_end_without_a_state_is_kept(self, bench: Bench) -> None:
        bench.commit(new_rows={"t1": row(state=TaskState.COMPLETED)})
        bench.commit(changed_rows={"t1": {"remote_id": "r1"}})
        assert bench.task("t1").remote_id == "r1"

    def test_of_many_that_ask_at_once_each_gets_its_own(self, bench: Bench) -> None:
        ids = [f"t{n}" for n in range(150)]
        bench.commit(
            new_rows={id_: row(remote_id=f"r{id_}") for id_ in ids},
            payloads=[Keep(id_, "input", id_.encode()) for id_ in ids],
        )
        asked = [*ids, "unknown", *(f"r{id_}" for id_ in ids[:50]), "t7", ""]

        async def ask() -> list[Any]:
            tasks = [bench.store.task(id_) for id_ in asked]
            bodies = [bench.store.payload(id_, "input") for id_ in (*ids, "unknown")]
            return await asyncio.gather(*tasks, *bodies)

        found = bench(ask())
        assert [task and task.task_id for task in found[: len(asked)]] == [*ids, None, *ids[:50], "t7", None]
        assert [body and body.body for body in found[len(asked) :]] == [*(id_.encode() for id_ in ids), None]

    def test_a_task_is_found_by_the_id_its_instance_gave_it(self, bench: Bench) -> None:
        bench.commit(new_rows={"t1": row(remote_id="r"), "t2": row(remote_id="r"), "t3": row(remote_id="t1")})
        assert bench.task("r").task_id == "t2", "the newest of several"
        assert bench.task("t1").task_id == "t1", "our own id goes first"
        assert bench(bench.store.task("")) is None

    def test_tasks_with_one_remote_id_are_listed_live_ones_first(self, bench: Bench) -> None:
        bench.commit(
            new_rows={
                "t1": row(remote_id="1", state=TaskState.COMPLETED),
                "t2": row(remote_id="1", state=TaskState.RUNNING),
                "t3": row(remote_id="2", state=TaskState.RUNNING),
                "t4": row(remote_id="1", state=TaskState.FAILED),
                "t5": row(remote_id="1", state=TaskState.DISPATCHED),
                "t6": row(),
            }
        )

        def ids(remote_id: str) -> list[str]:
            return [found.task_id for found in bench(bench.store.tasks_by_remote_id(remote_id))]

        assert ids("1") == ["t2", "t5", "t4", "t1"]
        assert (ids("2"), ids("3"), ids("")) == (["t3"], [], [])

    @pytest.mark.parametrize(
        ("work", "named"),
        [
            ({"changed_rows": {"t1": {"colour": 1}}}, "colour"),
            ({"changed_rows": {"t1": {"task_id": "t2"}}}, "task_id"),
            ({"new_rows": {"t2": {**row(), "colour": 1}}}, "colour"),
            ({"new_rows": {"t2": {"agent_id": "a"}}}, "model_name"),
            ({"new_rows": {"t1": row()}}, "exists"),
        ],
    )
    def test_rows_that_make_no_sense_are_refused_whole(self, bench: Bench, work: dict[str, Any], named: str) -> None:
        bench.commit(new_rows={"t1": row()})
        with pytest.raises(ValueError, match=named):
            bench.commit(inbox=["m"], **work)
        assert bench(bench.store.received(["m"])) == set()

    def test_lists_are_newest_first_and_filtered(self, bench: Bench) -> None:
        for n in range(10):
            state = TaskState.RUNNING if n % 2 else TaskState.QUEUED
            bench.commit(new_rows={f"t{n}": row(agent_id=f"a{n % 3}", state=state)})

        def ids(**filters: Any) -> str:
            return "".join(found.task_id[1] for found in bench(bench.store.tasks(**filters)))

        assert ids() == "9876543210"
        assert ids(limit=3) == "987"
        assert ids(agent_id="a0") == "9630"
        assert ids(agent_id="a0", states=[TaskState.QUEUED]) == "60"
        assert ids(states=[TaskState.RUNNING, TaskState.FAILED]) == "97531"
        assert ids(states=[]) == ""
        assert bench(bench.store.count_by_state()) == {TaskState.RUNNING: 5, TaskState.QUEUED: 5}
