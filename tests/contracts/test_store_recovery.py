"""What a restart may rely on: snapshots and reopening, on every implementation of the store port."""

from __future__ import annotations

import asyncio

import pytest

from actors.behaviour import Keep
from actors.errors import Fenced, StoreUnavailable
from actors.store import OutboxRow, Payload, Snapshot, Transaction
from tests.contracts.store_rigs import Bench, append, entry, row


class TestSnapshots:
    def test_the_newest_counts(self, bench: Bench) -> None:
        lease = bench.lease()
        assert bench(bench.store.snapshot("scheduler")) is None
        first = Snapshot(10, {"a": b"1", "b": b"2", "empty": b""})
        bench(bench.store.save_snapshot(lease, first))
        assert bench(bench.store.snapshot("scheduler")) == first
        second = Snapshot(
            20, {"a": bytes(range(256)) * 10_000, "c": b"3" * (1 << 20), **{str(n): b"x" for n in range(999)}}
        )
        bench(bench.store.save_snapshot(lease, second))
        assert bench(bench.store.snapshot("scheduler")) == second
        bench(bench.store.save_snapshot(lease, first))
        assert bench(bench.store.snapshot("scheduler")) == second, "an older one replaces nothing"
        assert bench(bench.store.snapshot("agent-0")) is None

    def test_a_shard_without_actors_has_a_snapshot_too(self, bench: Bench) -> None:
        bench(bench.store.save_snapshot(bench.lease(), Snapshot(3, {})))
        assert bench(bench.store.snapshot("scheduler")) == Snapshot(3, {})

    def test_an_older_epoch_is_fenced(self, bench: Bench) -> None:
        old = bench.lease()
        bench.lease(owner="other")
        with pytest.raises(Fenced):
            bench(bench.store.save_snapshot(old, Snapshot(1, {"a": b"1"})))
        assert bench(bench.store.snapshot("scheduler")) is None

    def test_one_that_was_cut_short_is_as_if_never_begun(self, bench: Bench) -> None:
        lease = bench.lease()
        kept = Snapshot(1, {"a": b"1"})
        bench(bench.store.save_snapshot(lease, kept))

        async def cut_short() -> None:
            big = Snapshot(2, {"a": b"2" * (20 << 20)})
            saving = asyncio.create_task(bench.store.save_snapshot(lease, big))
            for _ in range(8):  # its pieces and these commits take turns
                await bench.store.commit(Transaction())
            assert not saving.done()
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            await bench.store.commit(Transaction())  # by now the piece under way has been written

        bench(cut_short())
        assert bench(bench.store.snapshot("scheduler")) == kept
        again = Snapshot(2, {"b": b"3"})
        bench(bench.store.save_snapshot(lease, again))
        assert bench(bench.store.snapshot("scheduler")) == again


class TestOpenAndClose:
    def test_everything_survives_reopening(self, durable: Bench) -> None:
        lease = durable.lease()
        durable.commit(
            appends=[append(lease, entry(1, "t1"), entry(2, "t1"))],
            inbox=["m1"],
            outbox=[OutboxRow("o1", "scheduler", b"body")],
            payloads=[Keep("t1", "input", b"in")],
            new_rows={"t1": row()},
        )
        durable(durable.store.save_snapshot(lease, Snapshot(1, {"one": b"state"})))
        durable.reopen()
        assert durable(durable.store.snapshot("scheduler")) == Snapshot(1, {"one": b"state"})
        assert durable.journal(after=1) == [entry(2, "t1")]
        assert durable(durable.store.outbox(["scheduler"])) == [OutboxRow("o1", "scheduler", b"body")]
        assert durable(durable.store.received(["m1"])) == {"m1"}
        assert durable(durable.store.payload("t1", "input")) == Payload(b"in", "application/json", b"{}")
        assert durable.task("t1").digest == "d"
        lease = durable.lease()
        assert (lease.shard, lease.epoch, lease.seq) == ("scheduler", 2, 2)
        durable.commit(appends=[append(lease, entry(3, "t1"))])
        assert durable(durable.store.story("t1")) == [entry(1, "t1"), entry(2, "t1"), entry(3, "t1")]

    def test_a_closed_store_says_so(self, bench: Bench) -> None:
        bench(bench.store.close())
        with pytest.raises(StoreUnavailable):
            bench.commit()
        with pytest.raises(StoreUnavailable):
            bench(bench.store.task("t1"))
        bench(bench.store.close())

    def test_close_finishes_what_is_being_written(self, durable: Bench) -> None:
        lease = durable.lease()

        async def commit_and_close() -> None:
            works = [Transaction(appends=[append(lease, entry(n))]) for n in range(1, 21)]
            commits = [asyncio.create_task(durable.store.commit(work)) for work in works]
            await asyncio.sleep(0)  # lets each of them ask
            await durable.store.close()
            await asyncio.gather(*commits)

        durable(commit_and_close())
        durable.reopen()
        assert len(durable.journal()) == 20
