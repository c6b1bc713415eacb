"""The record that verification reads: whole, in the order of writing, of one moment, of a store that may be in use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from actors.behaviour import Keep
from actors.errors import StoreUnavailable
from actors.record_reader import RecordReader
from actors.store import JournalEntry, OutboxRow, ShardAppend, Snapshot
from actors.stores import open_record
from actors.task_lifecycle import TaskState
from tests.contracts.store_rigs import Bench, append, entry, row

T = TypeVar("T")


def at(seq: int, moment: float, task_id: str = "") -> JournalEntry:
    return JournalEntry(seq, "one", moment, f"m{moment}", task_id, "TaskQueued", b"{}")


def with_record(bench: Bench, look: Callable[[RecordReader], Awaitable[T]]) -> T:
    async def read() -> T:
        record = open_record(bench.url)
        await record.open()
        try:
            return await look(record)
        finally:
            await record.close()

    return asyncio.run(read())


def test_the_journal_comes_in_the_order_of_writing_whatever_the_clocks_said(durable: Bench) -> None:
    scheduler, agent = durable.lease("scheduler"), durable.lease("agent-0")
    durable.commit(
        appends=[
            ShardAppend("scheduler", scheduler.epoch, [at(1, 10.0, "t"), at(2, 12.0, "t")]),
            ShardAppend("agent-0", agent.epoch, [at(1, 11.0, "t"), at(2, 13.0)]),
        ],
        new_rows={"t": row()},
    )
    durable.commit(appends=[append(agent, at(3, 9.0))])
    newer = durable.lease("scheduler")
    durable.commit(appends=[append(newer, at(3, 8.0, "t"))])

    async def look(record: RecordReader) -> list[tuple[str, int, int]]:
        return [(each.shard, each.seq, each.epoch) async for each in record.entries()]

    assert with_record(durable, look) == [
        ("scheduler", 1, 1),
        ("agent-0", 1, 1),
        ("scheduler", 2, 1),
        ("agent-0", 2, 1),
        ("agent-0", 3, 1),
        ("scheduler", 3, 2),
    ]
    assert [each.epoch for each in durable.journal("scheduler")] == [1, 1, 2]


def test_all_the_rest_of_it(durable: Bench) -> None:
    lease = durable.lease()
    texts = dict.fromkeys(("repo_id", "worktree_id", "branch", "description"), "")
    activity = {"agent_id": "a", **texts, "timestamp": 1.0, "status": "live"}
    durable.commit(
        appends=[append(lease, entry(1, "t"))],
        new_rows={"t": row(state=TaskState.RUNNING)},
        new_entries={"t": activity},
        outbox=[OutboxRow("o", "scheduler", b"[]")],
        payloads=[Keep("t", "input", b"{}")],
    )
    durable(durable.store.save_snapshot(durable.lease(), Snapshot(1, {"one": b'{"n":1}'})))

    async def look(record: RecordReader) -> None:
        [task] = [each async for each in record.tasks()]
        assert (task.task_id, task.state) == ("t", TaskState.RUNNING)
        [shown] = [each async for each in record.activity()]
        assert (shown.task_id, shown.status, shown.state) == ("t", "live", TaskState.RUNNING)
        [owned] = [each for each in await record.leases() if each.shard == "scheduler"]
        assert (owned.epoch, owned.seq) == (2, 1)
        assert await record.snapshots() == {"scheduler": Snapshot(1, {"one": b'{"n":1}'})}
        assert await record.outbox() == [OutboxRow("o", "scheduler", b"[]")]
        assert await record.trimmed_until() is None
        assert await record.dead_letters() == []

    with_record(durable, look)


def test_it_is_of_one_moment(durable: Bench) -> None:
    lease = durable.lease()
    durable.commit(appends=[append(lease, entry(1, "t"))], new_rows={"t": row()})

    async def look(record: RecordReader) -> list[int]:
        await asyncio.to_thread(durable.commit, appends=[append(lease, entry(2, "t"))])
        return [each.seq async for each in record.entries()]

    assert with_record(durable, look) == [1]
    assert [each.seq for each in durable.journal()] == [1, 2]


def test_what_is_no_store_is_not_read(tmp_path: Path) -> None:
    async def read(path: Path) -> None:
        await open_record(f"sqlite:///{path}").open()

    with pytest.raises(StoreUnavailable, match="there is no store"):
        asyncio.run(read(tmp_path / "nothing.db"))
    (tmp_path / "text.db").write_text("a" * 5000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        asyncio.run(read(tmp_path / "text.db"))
    assert list(tmp_path.iterdir()) == [tmp_path / "text.db"], "reading leaves nothing behind"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://host/x.db", "mysql://h/x", "postgresql://h"])
def test_what_cannot_be_read_from_outside_is_refused_by_name(url: str) -> None:
    with pytest.raises(ValueError, match="accepted are"):
        open_record(url)
