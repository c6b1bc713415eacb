"""What queries and followers of activity buffers may rely on, on every implementation of the store port."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.activity_reader import ActivityFilter, ActivityRow
from actors.store import Transaction
from actors.task_lifecycle import TaskState
from tests.contracts.store_rigs import Bench, row

ALL = ActivityFilter()
TEXTS = {"repo_id": "", "worktree_id": "", "branch": "", "description": ""}


def new(task_id: str, agent: str = "a", at: float = 1.0, **texts: Any) -> dict[str, Any]:
    """What a transaction says that admits a task with an entry."""
    entry = {"agent_id": agent, **TEXTS, "timestamp": at, "status": "live", **texts}
    return {"new_rows": {task_id: row(agent_id=agent)}, "new_entries": {task_id: entry}}


def ended(*task_ids: str, at: float = 9.0) -> dict[str, Any]:
    return {"changed_entries": {task_id: {"timestamp": at, "status": "ended"} for task_id in task_ids}}


def live(bench: Bench, **asked: Any) -> list[tuple[int, str]]:
    where = ActivityFilter(**{name: asked.pop(name) for name in list(asked) if name.endswith("_id")})
    return [(entry.change, entry.task_id) for entry in bench(bench.store.live_activity(where, **asked))]


def history(bench: Bench, **asked: Any) -> list[tuple[int, str]]:
    where = ActivityFilter(**{name: asked.pop(name) for name in list(asked) if name.endswith("_id")})
    return [(entry.change, entry.task_id) for entry in bench(bench.store.ended_activity(where, **asked))]


def changes(bench: Bench, after: int = 0, limit: int = 100) -> list[tuple[int, str, str]]:
    return [(e.change, e.task_id, e.status) for e in bench(bench.store.activity_changes(after, limit))]


def test_an_entry_is_read_as_it_was_written_with_the_state_of_its_task(bench: Bench) -> None:
    bench.commit(**new("t1", at=5.25, repo_id="r", worktree_id="w", branch="b", description="d"))
    [entry] = bench(bench.store.live_activity(ALL))
    assert entry == ActivityRow(1, "t1", "a", "r", "w", "b", "d", None, 5.25, "live", TaskState.QUEUED)
    bench.commit(
        changed_rows={"t1": {"state": TaskState.RUNNING}},
        changed_entries={"t1": {"agent_id": "a", "timestamp": 6.0, "progress": 0.0, "branch": "c"}},
    )
    [entry] = bench(bench.store.live_activity(ALL))
    assert entry == ActivityRow(2, "t1", "a", "r", "w", "c", "d", 0.0, 6.0, "live", TaskState.RUNNING)


def test_a_new_entry_must_be_whole(bench: Bench) -> None:
    with pytest.raises(ValueError, match="t1"):
        bench.commit(new_entries={"t1": {"agent_id": "a"}})
    assert changes(bench) == []


def test_a_change_of_an_entry_that_is_not_there_is_none(bench: Bench) -> None:
    bench.commit(**new("t1"))
    bench.commit(**ended("t2"), purged_entries={"t1": None, "t3": None}, purged_agents=["b"])
    assert changes(bench) == [(1, "t1", "live")], "and what has not ended is not purged"


def test_each_change_has_a_higher_number_than_all_before(bench: Bench) -> None:
    bench.commit(**new("t1"))
    bench.commit(**new("t2"))
    bench.commit(changed_entries={"t1": {"timestamp": 2.0}})
    assert changes(bench) == [(2, "t2", "live"), (3, "t1", "live")]
    assert changes(bench, after=2) == [(3, "t1", "live")]
    assert changes(bench, limit=1) == [(2, "t2", "live")]
    assert bench.store.newest_activity_change() == 3


def test_live_and_ended_entries_by_pages(bench: Bench) -> None:
    for n in range(1, 6):
        bench.commit(**new(f"t{n}"))
    assert live(bench, limit=2) == [(1, "t1"), (2, "t2")]
    assert live(bench, after=2, upto=4) == [(3, "t3"), (4, "t4")]
    bench.commit(**ended("t4"))
    bench.commit(**ended("t1", "t2"))
    assert [task_id for _, task_id in live(bench)] == ["t3", "t5"]
    assert history(bench) == [(8, "t2"), (7, "t1"), (6, "t4")]
    assert history(bench, limit=1) == [(8, "t2")]
    assert history(bench, before=8) == [(7, "t1"), (6, "t4")]


@pytest.mark.parametrize("field", ["agent_id", "repo_id", "worktree_id", "task_id"])
def test_filters(bench: Bench, field: str) -> None:
    about: dict[str, dict[str, Any]] = {
        "t1": {"repo_id": "r1", "worktree_id": "w1"},
        "t2": {"repo_id": "r2", "worktree_id": "w2"},
    }
    for task_id, texts in about.items():
        bench.commit(**new(task_id, agent=f"a{task_id[1]}", **texts))
    values = {"agent_id": "a2", "repo_id": "r2", "worktree_id": "w2", "task_id": "t2"}
    wanted = {field: values[field]}
    assert live(bench, **wanted) == [(2, "t2")]
    unlike = {"agent_id": "a1"} if field == "task_id" else {"task_id": "t1"}
    assert live(bench, **wanted, **unlike) == []
    rows = bench(bench.store.live_activity(ALL))
    assert [ActivityFilter(**wanted).matches(entry) for entry in rows] == [False, True]
    bench.commit(**ended("t1", "t2"))
    assert [task_id for _, task_id in history(bench, **wanted)] == ["t2"]


def test_what_is_purged_is_gone_but_for_those_who_follow(bench: Bench) -> None:
    for task_id in ("t1", "t2", "t3"):
        bench.commit(**new(task_id, repo_id="r", branch="b", description="secret"))
    bench.commit(**ended("t1", "t2"))
    bench.commit(purged_entries={"t1": None, "t3": None})
    assert [task_id for _, task_id in history(bench)] == ["t2"]
    assert [task_id for _, task_id in live(bench)] == ["t3"], "it has not ended"
    [told] = [entry for entry in bench(bench.store.activity_changes(0, 100)) if entry.task_id == "t1"]
    assert (told.status, told.repo_id, told.branch, told.description) == ("purged", "r", "", "")
    assert told.change > 5


def test_everything_of_an_agent_is_purged_that_had_ended_before(bench: Bench) -> None:
    for task_id, agent in (("t1", "a"), ("t2", "a"), ("t3", "b")):
        bench.commit(**new(task_id, agent))
    bench.commit(**ended("t1", "t3"))
    bench.commit(**ended("t2"), purged_agents=["a"])
    assert sorted(task_id for _, task_id in history(bench)) == ["t2", "t3"]


def test_the_rows_of_a_failed_transaction_are_not_there(bench: Bench) -> None:
    bench.commit(**new("t1"))
    with pytest.raises(ValueError, match="t1"):
        bench.commit(**new("t2"), changed_entries={"t1": {"colour": "red"}})
    assert changes(bench) == [(1, "t1", "live")]
    assert bench.store.newest_activity_change() == 1
    bench.commit(**new("t3"))
    assert [task_id for _, task_id in live(bench)] == ["t1", "t3"]


def test_numbers_go_on_after_a_restart(durable: Bench) -> None:
    durable.commit(**new("t1"))
    durable.commit(**new("t2"))
    durable.reopen()
    assert durable.store.newest_activity_change() == 2
    durable.commit(**ended("t1"))
    assert changes(durable) == [(2, "t2", "live"), (3, "t1", "ended")]


def test_followers_are_told_when_there_is_more(bench: Bench) -> None:
    async def follow() -> None:
        store = bench.store
        waiting = asyncio.ensure_future(store.activity_beyond(1))
        await store.commit(Transaction(**new("t1")))
        await asyncio.sleep(0)
        assert not waiting.done()
        await store.commit(Transaction(**new("t2")))
        async with asyncio.timeout(30):
            await waiting
            await store.activity_beyond(0)

    bench(follow())


class TestHistory:
    """With room for 100 entries of ended tasks."""

    @pytest.fixture
    def store_settings(self) -> dict[str, Any]:
        return {"activity_history": 100}

    @pytest.fixture
    def bench(self, durable: Bench) -> Bench:
        return durable

    def end_many(self, bench: Bench, first: int, last: int) -> None:
        for n in range(first, last + 1):
            bench.commit(**new(f"t{n}"))
            bench.commit(**ended(f"t{n}"))

    def test_the_oldest_are_dropped_many_at_a_time(self, bench: Bench) -> None:
        bench.commit(**new("stays"))
        self.end_many(bench, 1, 200)
        assert len(history(bench, limit=1000)) == 200
        assert bench.store.forgotten_activity_change() == 0
        self.end_many(bench, 201, 201)
        kept = history(bench, limit=1000)
        assert [task_id for _, task_id in kept] == [f"t{n}" for n in range(201, 101, -1)]
        assert bench.store.forgotten_activity_change() == kept[-1][0] - 2, "the end of t101, before t102 came and ended"
        assert [task_id for _, task_id in live(bench)] == ["stays"]

    def test_what_was_dropped_is_known_after_a_restart(self, bench: Bench) -> None:
        self.end_many(bench, 1, 201)
        newest, forgotten = bench.store.newest_activity_change(), bench.store.forgotten_activity_change()
        bench.reopen()
        assert (bench.store.newest_activity_change(), bench.store.forgotten_activity_change()) == (newest, forgotten)
        self.end_many(bench, 202, 301)
        assert len(history(bench, limit=1000)) == 200
        self.end_many(bench, 302, 302)
        assert len(history(bench, limit=1000)) == 100, "what was there before is counted"
