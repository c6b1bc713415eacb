"""What the runtime may rely on when it commits; every implementation of the store port passes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.behaviour import Keep
from actors.errors import AlreadyReceived, Fenced
from actors.store import Lease, OutboxRow, Transaction
from actors.task_lifecycle import TaskState
from tests.contracts.store_rigs import Bench, append, entry, row
from tests.leasing import own


class TestLeases:
    def test_a_new_shard_starts_empty(self, bench: Bench) -> None:
        leases = bench(own(bench.store, ["scheduler", "agent-0"], "me"))
        store_id = leases["scheduler"].store_id
        assert len(store_id) >= 16, "long enough to be nobody else's"
        assert leases == {
            "scheduler": Lease("scheduler", 1, 0, store_id),
            "agent-0": Lease("agent-0", 1, 0, store_id),
        }

    def test_each_change_of_hands_raises_the_epoch_and_finds_the_last_seq(self, bench: Bench) -> None:
        first = bench.lease(owner="me")
        bench.commit(appends=[append(first, entry(1), entry(2))])
        assert bench.lease(owner="other") == Lease("scheduler", first.epoch + 1, 2, first.store_id)

    def test_an_older_epoch_is_fenced(self, bench: Bench) -> None:
        old = bench.lease()
        bench.lease(owner="other")
        with pytest.raises(Fenced) as fenced:
            bench.commit(appends=[append(old, entry(1))])
        assert fenced.value.shards == {"scheduler"}

    def test_an_older_epoch_is_fenced_even_with_nothing_to_append(self, bench: Bench) -> None:
        old = bench.lease()
        bench.commit(appends=[append(old)])
        bench.lease(owner="other")
        with pytest.raises(Fenced):
            bench.commit(appends=[append(old)])

    def test_a_shard_that_nobody_took_over_is_fenced(self, bench: Bench) -> None:
        with pytest.raises(Fenced):
            bench.commit(appends=[append(Lease("agent-1", 1, 0), entry(1))])

    def test_only_the_lost_shards_are_named(self, bench: Bench) -> None:
        mine, lost = bench.lease("agent-0"), bench.lease("agent-1")
        bench.lease("agent-1", owner="other")
        with pytest.raises(Fenced) as fenced:
            bench.commit(appends=[append(mine, entry(1)), append(lost, entry(1))])
        assert fenced.value.shards == {"agent-1"}
        assert bench.journal("agent-0") == []

    @pytest.mark.parametrize("seq", [1, 2, 4])
    def test_a_seq_that_does_not_follow_is_fenced(self, bench: Bench, seq: int) -> None:
        lease = bench.lease()
        bench.commit(appends=[append(lease, entry(1), entry(2))])
        with pytest.raises(Fenced):
            bench.commit(appends=[append(lease, entry(seq))])
        assert [e.seq for e in bench.journal()] == [1, 2]

    def test_entries_that_do_not_count_up_are_refused(self, bench: Bench) -> None:
        with pytest.raises(ValueError, match="count up"):
            bench.commit(appends=[append(bench.lease(), entry(1), entry(3))])


class TestJournal:
    def test_entries_come_back_as_they_were_written(self, bench: Bench) -> None:
        lease = bench.lease()
        entries = [entry(n, task_id=f"t{n}", body=bytes(range(256)) * n) for n in range(1, 301)]
        bench.commit(appends=[append(lease, *entries[:7])])
        for one in entries[7:]:
            bench.commit(appends=[append(lease, one)])
        assert bench.journal() == entries
        assert bench.journal(after=3) == entries[3:]
        assert bench.journal(after=300) == []

    def test_shards_do_not_mix(self, bench: Bench) -> None:
        one, two = bench.lease("agent-0"), bench.lease("agent-1")
        bench.commit(appends=[append(one, entry(1, "t1")), append(two, entry(1, "t2"), entry(2, "t2"))])
        assert bench.journal("agent-0") == [entry(1, "t1")]
        assert bench.journal("agent-1") == [entry(1, "t2"), entry(2, "t2")]

    def test_several_appends_to_one_shard_are_one(self, bench: Bench) -> None:
        lease = bench.lease()
        bench.commit(appends=[append(lease, entry(1)), append(lease, entry(2))])
        assert bench.journal() == [entry(1), entry(2)]

    def test_a_story_is_all_about_one_task_over_shards_in_the_order_of_writing(self, bench: Bench) -> None:
        scheduler, agent = bench.lease(), bench.lease("agent-7")
        bench.commit(appends=[append(scheduler, entry(1, "t1"), entry(2, "t2"), entry(3, ""))])
        bench.commit(appends=[append(agent, entry(1, "t1", "TaskBegun")), append(scheduler, entry(4, "t2"))])
        bench.commit(appends=[append(scheduler, entry(5, "t1", "TaskEnded")), append(agent, entry(2, "t1", "TaskRan"))])
        assert bench(bench.store.story("t1")) == [
            entry(1, "t1"), entry(1, "t1", "TaskBegun"), entry(2, "t1", "TaskRan"), entry(5, "t1", "TaskEnded"),
        ]  # fmt: skip
        assert [e.shard for e in bench(bench.store.story("t1"))] == ["scheduler", "agent-7", "agent-7", "scheduler"]
        assert bench(bench.store.story("unknown")) == []
        assert bench(bench.store.story("")) == []

    def test_a_failing_commit_leaves_no_story(self, bench: Bench) -> None:
        lease = bench.lease()
        bench.commit(appends=[append(lease, entry(1, "t1"))], inbox=["m"])
        with pytest.raises(AlreadyReceived):
            bench.commit(appends=[append(lease, entry(2, "t1"))], inbox=["m"])
        bench.commit(appends=[append(lease, entry(2, "t1", "Later"))])
        assert bench(bench.store.story("t1")) == [entry(1, "t1"), entry(2, "t1", "Later")]


class TestInbox:
    def test_a_message_has_its_effect_once(self, bench: Bench) -> None:
        bench.commit(inbox=["m1", "m2"])
        assert bench(bench.store.received(["m1", "m2", "m3"])) == {"m1", "m2"}
        with pytest.raises(AlreadyReceived) as repeated:
            bench.commit(inbox=["m3", "m2"])
        assert repeated.value.ids == {"m2"}
        assert bench(bench.store.received(["m3"])) == set()

    def test_a_message_counted_twice_in_one_transaction_is_refused(self, bench: Bench) -> None:
        with pytest.raises(AlreadyReceived) as repeated:
            bench.commit(inbox=["m1", "m2", "m1"])
        assert repeated.value.ids == {"m1"}

    def test_many_at_once(self, bench: Bench) -> None:
        ids = [f"m{n}" for n in range(1000)]
        bench.commit(inbox=ids)
        assert bench(bench.store.received(ids)) == set(ids)
        assert bench(bench.store.received([])) == set()

    def test_old_ids_can_be_forgotten(self, bench: Bench) -> None:
        bench.commit(inbox=[f"m{n}" for n in range(6000)])
        assert bench(bench.store.forget_received(before=1000.0)) == 0
        assert bench(bench.store.forget_received(before=1e12)) == 6000
        bench.commit(inbox=["m1"])
        assert bench(bench.store.received(["m1", "m2"])) == {"m1"}


class TestOutbox:
    def test_what_is_unsent_comes_back_in_order_until_it_is_marked(self, bench: Bench) -> None:
        rows = [OutboxRow(f"o{n:03}"[::-1], f"agent-{n % 3}", b"%d" % n) for n in range(200)]
        bench.commit(outbox=rows[:150])
        bench.commit(outbox=rows[150:], sent=[r.id for r in rows[:100]])
        assert bench(bench.store.outbox(["agent-0", "agent-1", "agent-2"])) == rows[100:]
        assert bench(bench.store.outbox(["agent-1"])) == [r for r in rows[100:] if r.shard == "agent-1"]
        bench.commit(sent=[r.id for r in rows] + ["never-heard-of"])
        assert bench(bench.store.outbox(["agent-0", "agent-1", "agent-2"])) == []


class TestAtomicity:
    def test_a_failing_commit_leaves_nothing(self, bench: Bench) -> None:
        lease = bench.lease()
        bench.commit(inbox=["m1"], outbox=[OutboxRow("o1", "scheduler", b"")], new_rows={"t1": row()})
        everything: dict[str, Any] = {
            "appends": [append(lease, entry(1, "t2"))],
            "outbox": [OutboxRow("o2", "scheduler", b"")],
            "sent": ["o1"],
            "payloads": [Keep("t2", "input", b"x")],
            "new_rows": {"t2": row()},
            "changed_rows": {"t1": {"state": TaskState.RUNNING}},
        }
        with pytest.raises(AlreadyReceived):
            bench.commit(inbox=["m2", "m1"], **everything)
        stale = [append(Lease("scheduler", 7, 0), entry(1, "t2"))]
        with pytest.raises(Fenced):
            bench.commit(inbox=["m2"], **{**everything, "appends": stale})
        with pytest.raises(ValueError, match="colour"):
            bench.commit(inbox=["m2"], **{**everything, "changed_rows": {"t1": {"colour": 1}}})
        assert bench.journal() == []
        assert bench(bench.store.received(["m2"])) == set()
        assert [out.id for out in bench(bench.store.outbox(["scheduler"]))] == ["o1"]
        assert bench(bench.store.payload("t2", "input")) is None
        assert bench(bench.store.task("t2")) is None
        assert bench.task("t1").state == TaskState.QUEUED
        bench.commit(inbox=["m2"], **everything)
        assert bench.journal() == [entry(1, "t2")]

    def test_what_is_committed_is_seen_at_once(self, bench: Bench) -> None:
        for n in range(50):
            bench.commit(new_rows={f"t{n}": row()}, changed_rows={f"t{n - 1}": {"attempt": n}})
            assert bench.task(f"t{n}").attempt == 0
            assert n == 0 or bench.task(f"t{n - 1}").attempt == n

    def test_commits_asked_for_at_once_are_all_done_in_order(self, bench: Bench) -> None:
        lease = bench.lease()

        async def all_at_once() -> None:
            works = [Transaction(appends=[append(lease, entry(n))]) for n in range(1, 41)]
            await asyncio.gather(*(bench.store.commit(work) for work in works))

        bench(all_at_once())
        assert bench.journal() == [entry(n) for n in range(1, 41)]

    def test_nothing_at_all_can_be_committed(self, bench: Bench) -> None:
        bench.commit()
