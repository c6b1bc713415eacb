"""The store of a simulated deployment: the real tables, statements and transactions on SQLite in memory, shared by
all processes as a database server is, and at each of them a connection that is slow, fails, and is cut.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from actors.activity_reader import ActivityFilter
from actors.errors import AlreadyReceived, Fenced, StoreUnavailable
from actors.leases import Lease, LeaseTable, Member, Membership
from actors.store import JournalEntry, OutboxRow, Payload, Snapshot, TaskRow, Transaction
from actors.stores.snapshot_pieces import pieces
from actors.stores.sqlite import activity_table, lease_rows, reads, snapshots
from actors.stores.sqlite import connection as schema
from actors.stores.sqlite.activity_table import ActivityTable
from actors.stores.sqlite.commit import commit, received
from actors.stores.sqlite.store import _forget_received
from actors.task_lifecycle import TaskState
from tests.deterministic.process import Process
from tests.deterministic.weather import Weather

T = TypeVar("T")

GIVEN_UP_S = 1.0
"""How long a connection waits for a server that is away (s)."""

SLOW_S = 2.5
"""How long a slow server takes (s): longer than a lease lasts."""

UNNOTICED_S = 1.0
"""How long the server takes at most to notice that a process is dead (s)."""


@cache
def _empty() -> bytes:
    connection = schema.writer(Path(":memory:"), "OFF")
    connection.execute("UPDATE store SET id = 'simulated'")
    return connection.serialize()


class Database:
    """The server: what it is asked for it does at once or not at all. `on_commit` hears of what was written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self.connection.deserialize(_empty())
        self.commits = 0
        self.fenced = 0
        self.leases = LeaseTable()
        self.epochs: dict[str, int] = {}
        self.repeats = 0
        self.on_commit: Callable[[Transaction], None] = lambda _: None
        self._activity = ActivityTable(self.connection, 10_000)
        self._position = 0
        self._clock = clock

    def run(self, job: Callable[..., T], *arguments: Any) -> T:
        """One query, or one change that is a transaction of its own."""
        return job(self.connection, *arguments)

    def commit(self, work: Transaction) -> None:
        """All of it or nothing. Raises Fenced, AlreadyReceived."""
        try:
            written = commit(self.connection, work, self._activity, self._position, self._clock())
        except Fenced:
            self.fenced += 1
            raise
        except AlreadyReceived:
            self.repeats += 1
            raise
        self._position = written.position
        self._activity.settle()
        self.commits += 1
        self.on_commit(work)

    def renew(self, member: Member, ttl: float) -> Membership:
        """It lives by the server's clock, which no process can stop."""
        now = self._clock()
        self.leases.renew(member, now, ttl)
        epochs = lease_rows.epochs(self.connection)
        return Membership(self.leases.living(now), self.leases.owners(now), epochs)

    def acquire(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        """Those that are free, or this owner's already."""
        granted = self.leases.grant(shards, owner, self._clock())
        return self._leased(granted, owner) if granted else {}

    def release(self, leases: Collection[Lease]) -> None:
        """Those that have not changed hands."""
        for shard in lease_rows.current(self.connection, leases):
            self.leases.free(shard)

    def _leased(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        leases = lease_rows.take_over(self.connection, shards, owner)
        self.epochs.update((lease.shard, lease.epoch) for lease in leases.values())
        return leases

    def live_entries(self) -> list[str]:
        """The tasks that have an entry in an activity buffer."""
        return [row.task_id for row in self.run(activity_table.live, ActivityFilter(), 0, None, 10_000)]


class Connection:
    """A `Store`: what one process knows of the database, which notices its death by its connection."""

    def __init__(self, database: Database, process: Process, weather: Weather) -> None:
        self._database = database
        self._process = process
        self._weather = weather
        notice = partial(database.leases.leave, process.name)
        process.on_death.append(lambda: process.loop.later(weather.some_of(UNNOTICED_S), notice))

    async def open(self) -> None:
        """The schema is there already."""

    async def close(self) -> None:
        """Nothing is kept here."""

    async def join(self, member: Member, shards: Sequence[str], ttl: float) -> None:
        await self._change(lease_rows.enroll, shards)
        await self._carried(self._database.renew, member, ttl)

    async def renew(self, member: Member, ttl: float) -> Membership:
        return await self._carried(self._database.renew, member, ttl)

    async def acquire(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        return await self._carried(self._database.acquire, shards, owner)

    async def release(self, leases: Collection[Lease]) -> None:
        await self._carried(self._database.release, leases)

    async def leave(self, member_id: str) -> None:
        await self._carried(self._database.leases.leave, member_id)

    async def commit(self, transaction: Transaction) -> None:
        self._process.moment()
        await self._way()
        self._database.commit(transaction)
        self._process.moment()
        await asyncio.sleep(self._weather.way())
        if self._weather.strikes("commit in doubt", self._process.loop.time()):
            raise StoreUnavailable("the connection was lost during the commit")

    async def snapshot(self, shard: str) -> Snapshot | None:
        return await self._ask(snapshots.load, shard)

    async def save_snapshot(self, lease: Lease, snapshot: Snapshot) -> None:
        seq = snapshot.seq
        if not await self._change(snapshots.is_newer, lease, seq):
            return
        await self._sweep(lease)
        for piece in pieces(snapshot.actors):
            await self._change(snapshots.add, lease, seq, piece)
        await self._change(snapshots.finish, lease, seq)
        await self._sweep(lease)

    async def journal(self, shard: str, after: int) -> AsyncIterator[JournalEntry]:
        while entries := await self._ask(reads.journal, shard, after):
            for entry in entries:
                yield entry
            after = entries[-1].seq

    async def outbox(self, shards: Collection[str]) -> list[OutboxRow]:
        return await self._ask(reads.outbox, frozenset(shards))

    async def received(self, ids: Collection[str]) -> set[str]:
        return await self._ask(received, list(ids))

    async def shards(self) -> frozenset[str]:
        return await self._ask(reads.shards)

    async def forget_received(self, before: float) -> int:
        return await self._change(_forget_received, before)

    async def task(self, task_id: str) -> TaskRow | None:
        return await self._ask(reads.task, task_id)

    async def tasks_by_remote_id(self, remote_id: str) -> list[TaskRow]:
        return await self._ask(reads.tasks_by_remote_id, remote_id)

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        return await self._ask(reads.newest_tasks, agent_id, states, limit)

    async def payload(self, task_id: str, part: str) -> Payload | None:
        return await self._ask(reads.payload, task_id, part)

    async def inputs(self, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
        return await self._ask(reads.inputs, task_ids)

    async def known(self, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        return await self._ask(reads.known, task_ids)

    async def story(self, task_id: str) -> list[JournalEntry]:
        return await self._ask(reads.story, task_id)

    async def count_by_state(self) -> dict[TaskState, int]:
        return await self._ask(reads.count_by_state)

    async def _sweep(self, lease: Lease) -> None:
        while await self._change(snapshots.sweep, lease):
            pass

    async def _change(self, job: Callable[..., T], *arguments: Any) -> T:
        return await self._carried(self._database.run, job, *arguments)

    async def _carried(self, job: Callable[..., T], *arguments: Any) -> T:
        self._process.moment()
        await self._way()
        done = job(*arguments)
        self._process.moment()
        await asyncio.sleep(self._weather.way())
        return done

    async def _ask(self, job: Callable[..., T], *arguments: Any) -> T:
        await self._way()
        return self._database.run(job, *arguments)

    async def _way(self) -> None:
        now = self._process.loop.time()
        if self._weather.strikes("store away", now):
            await asyncio.sleep(GIVEN_UP_S)
            raise StoreUnavailable("the database is away")
        if self._weather.strikes("store slow", now):
            await asyncio.sleep(SLOW_S)
        await asyncio.sleep(self._weather.way())
