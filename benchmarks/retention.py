"""What trimming costs the commits of a store: their latencies with nothing to trim, and while old tasks are dropped.

python -m benchmarks.retention [--tasks N] [--commits N] [--store URL]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from actors.behaviour import Keep
from actors.retention import Retention, RetentionLimits
from actors.store import JournalEntry, Lease, ShardAppend, Snapshot, Transaction, WholeStore
from actors.stores import open_store
from actors.task_lifecycle import TaskState
from tests.leasing import own

PER_COMMIT = 20
"""Tasks that begin and end in one commit, as under load."""

ENTRIES = 9
"""Entries of the journal that a task has."""

PAUSE_S = 0.005


class Load:
    """Commits tasks that have ended long ago, or just now."""

    def __init__(self, store: WholeStore, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._tasks = 0
        self.seq = lease.seq

    async def commit(self, ended_at: float) -> float:
        """Its latency in ms."""
        tasks = [f"task-{self._tasks + n:032x}" for n in range(PER_COMMIT)]
        self._tasks += PER_COMMIT
        body = b'{"task_id":"x","attempt":1,"ti_uuid":"0123456789abcdef0123456789abcdef","at":1.0,"due":1.0}'
        entries = [
            JournalEntry(
                self.seq + n + 1, "one", ended_at, f"m{self.seq + n}", tasks[n // ENTRIES], "AttemptBegan", body
            )
            for n in range(PER_COMMIT * ENTRIES)
        ]
        self.seq += len(entries)
        row = {"agent_id": "model:m", "model_name": "m", "priority": 0, "scope": "", "origin": "rest", "digest": "d"}
        ended = {**row, "state": TaskState.COMPLETED, "submitted_at": ended_at, "ended_at": ended_at}
        payloads = [Keep(task_id, part, b"x" * 1000) for task_id in tasks for part in ("input", "result")]
        work = Transaction(
            appends=[ShardAppend(self._lease.shard, self._lease.epoch, entries)],
            payloads=payloads,
            new_rows=dict.fromkeys(tasks, ended),
        )
        begun = time.perf_counter()
        await self._store.commit(work)
        return (time.perf_counter() - begun) * 1000.0

    async def snapshot(self) -> None:
        """Nothing before this is needed for recovery."""
        lease = Lease(self._lease.shard, self._lease.epoch, self.seq)
        await self._store.save_snapshot(lease, Snapshot(self.seq, {"one": b"{}"}))


async def measure(url: str, tasks: int, commits: int) -> None:
    """Fill, measure, trim and measure."""
    store = open_store(url)
    await store.open()
    load = Load(store, (await own(store, ["scheduler"], "bench"))["scheduler"])
    for _ in range(tasks // PER_COMMIT):
        await load.commit(1.0)
    await load.snapshot()
    show("nothing to trim", await latencies(load, commits))
    trimming = asyncio.create_task(Retention(store, RetentionLimits(1.0, 10**9)).round())
    while_trimming: list[float] = []
    begun = time.perf_counter()
    while not trimming.done():
        while_trimming += await latencies(load, 20)
    show("while trimming", while_trimming)
    print(f"{await trimming} tasks trimmed in {time.perf_counter() - begun:.1f} s")  # noqa: T201
    await store.close()


async def latencies(load: Load, commits: int) -> list[float]:
    """Of commits one after the other, ms."""
    found = []
    for _ in range(commits):
        found.append(await load.commit(time.time()))
        await asyncio.sleep(PAUSE_S)
    return found


def show(name: str, found: list[float]) -> None:
    """One line."""
    found = sorted(found)
    p50, p99 = (found[int(len(found) * share)] for share in (0.5, 0.99))
    print(f"{name:16} {len(found):5} commits  p50 {p50:6.2f}  p99 {p99:6.2f}  max {found[-1]:6.2f} ms")  # noqa: T201


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--store", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(given.store or f"sqlite:///{Path(folder)}/store.db", given.tasks, given.commits))


if __name__ == "__main__":
    main()
