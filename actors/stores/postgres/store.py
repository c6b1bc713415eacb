"""The store port on PostgreSQL, for many processes on one database at once.

The driver is used directly: a commit of 64 tasks, one call of a function in the database, takes 1.0 ms of this process;
the same by SQLAlchemy Core 3.4 ms, and of one task 0.35 and 2.2. Nothing is kept in memory that another process could
change, but for the numbers of activity changes, which are heard of.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar, cast

import asyncpg

from actors.activity_reader import ActivityFilter, ActivityRow
from actors.crash_points import reach
from actors.dead_letters import DeadLetter
from actors.errors import StoreUnavailable
from actors.leases import Lease, Member, Membership
from actors.store import JournalEntry, OutboxRow, Payload, Snapshot, TaskRow, Transaction
from actors.stores.postgres import activity, changes, dead_letters, membership, reads, trimming
from actors.stores.postgres.connections import Database
from actors.stores.postgres.faults import unavailable
from actors.stores.postgres.gathering import Gathering
from actors.stores.postgres.membership import Presence
from actors.stores.postgres.schema import bring_up_to_date
from actors.stores.postgres.watch import ActivityWatch
from actors.stores.postgres.writer import Writer
from actors.stores.snapshot_pieces import pieces
from actors.task_lifecycle import TaskState

T = TypeVar("T")
P = ParamSpec("P")

TASKS_AT_ONCE = 100
PAYLOADS_AT_ONCE = 16
"""Rows read in one query; a body may have megabytes."""


class PostgresStore:
    """The store in the database at `url`.

    `activity_history`: how many entries of ended tasks are kept. `connections`: how many to read by, at most, beside
    the one that commits and the one that listens. `timeout_s`: how long the server may take to answer.
    """

    def __init__(
        self, url: str, *, activity_history: int = 10_000, connections: int = 4, timeout_s: float = 10.0
    ) -> None:
        self._database = Database(url, timeout_s)
        self._size = connections
        self._watch = ActivityWatch(self._database)
        self._presence = Presence(self._database)
        self._writer = Writer(self._database, activity_history, self._watch.saw)
        self._pool: asyncpg.Pool | None = None
        self._store_id = ""
        self._saving = asyncio.Lock()
        self._tasks = Gathering[str, TaskRow](lambda ids: self._run(reads.tasks, ids), TASKS_AT_ONCE)
        self._payloads = Gathering[reads.PayloadKey, Payload](
            lambda keys: self._run(reads.payloads, keys), PAYLOADS_AT_ONCE
        )

    async def open(self) -> None:
        """Open, creating or migrating the schema where needed. Raises StoreUnavailable."""
        if self._pool is not None:
            raise StoreUnavailable("the store is open already")
        connection = await self._database.connect()
        try:
            with unavailable(self._database.name):
                await bring_up_to_date(connection, self._database.url)
                self._store_id = await changes.name_store(connection)
        finally:
            connection.terminate()
        self._pool = await self._database.pool(self._size)
        try:
            await self._writer.open()
            await self._watch.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is being written and close."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        await self._writer.close()
        await self._watch.close()
        await self._presence.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await pool.close()
        pool.terminate()

    async def join(self, member: Member, shards: Sequence[str], ttl: float) -> None:
        """Live from now on. `shards` are all of the deployment; a store that has none yet makes these."""
        await self._run(membership.enroll, shards)
        await self._presence.renew(member, ttl)

    async def renew(self, member: Member, ttl: float) -> Membership:
        """Live for `ttl` more seconds, also where it had been given up, and see who else does."""
        self._opened()
        return await self._presence.renew(member, ttl)

    async def acquire(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        """Become the owner of those that are free or this owner's already: each epoch grows by one."""
        return await self._run(membership.acquire, shards, owner, self._store_id)

    async def release(self, leases: Collection[Lease]) -> None:
        """Let others have these at once. What has changed hands meanwhile is left alone."""
        await self._run(membership.release, leases)

    async def leave(self, member_id: str) -> None:
        """Live no longer: what it still holds is free."""
        await self._run(membership.leave, member_id)

    async def commit(self, transaction: Transaction) -> None:
        """Write it all or nothing. Raises Fenced, AlreadyReceived, StoreUnavailable.

        ValueError says that the work contradicts itself or TaskRow. Of a payload that is there already the first
        stays, but of a checkpoint the last. After StoreUnavailable the transaction may turn out to be there: reads
        and commits fail until that is known.
        """
        self._opened()
        await self._writer.commit(transaction)

    async def snapshot(self, shard: str) -> Snapshot | None:
        """The newest snapshot of the shard."""
        return await self._run(changes.load_snapshot, shard)

    async def save_snapshot(self, lease: Lease, snapshot: Snapshot) -> None:
        """Keep this snapshot instead of older ones. Raises Fenced."""
        async with self._saving:
            save = await self._run(changes.begin_snapshot, lease, snapshot.seq)
            if save is None:
                return
            await self._sweep(lease)
            for piece in pieces(snapshot.actors):
                await self._run(changes.add_piece, lease, save, piece)
            reach("snapshot.written")
            await self._run(changes.finish_snapshot, lease, save, snapshot.seq)
            await self._sweep(lease)

    async def _sweep(self, lease: Lease) -> None:
        while await self._run(changes.sweep_pieces, lease):
            pass

    async def journal(self, shard: str, after: int) -> AsyncIterator[JournalEntry]:
        """The shard's entries with seq > after, in order."""
        while entries := await self._run(reads.journal, shard, after):
            for entry in entries:
                yield entry
            after = entries[-1].seq

    async def outbox(self, shards: Collection[str]) -> list[OutboxRow]:
        """What these shards have not been confirmed to have sent, in the order in which it was written."""
        return await self._run(reads.outbox, shards)

    async def received(self, ids: Collection[str]) -> set[str]:
        """Which of these message ids are in the inbox."""
        return await self._run(reads.received, ids)

    async def shards(self) -> frozenset[str]:
        """The shards that have ever been taken over in this store."""
        return await self._run(reads.shards)

    async def forget_received(self, before: float) -> int:
        """Drop inbox ids older than this time; returns how many."""
        forgotten = 0
        while dropped := await self._run(changes.forget_received, before):
            forgotten += dropped
        return forgotten

    async def end_of_excess(self, keep: int) -> float | None:
        """What ended up to then is more than the `keep` newest of ended tasks; None where none is."""
        return await self._run(trimming.end_of_excess, keep)

    async def trim_tasks(self, upto: float) -> int:
        """Drop some of the tasks that ended up to then; returns how many."""
        return await self._run(trimming.drop_tasks, upto)

    async def trim_journal(self, after: int) -> int | None:
        """Drop what may go of the next part of the journal; returns where to go on, None at the end."""
        return await self._run(trimming.drop_entries, after)

    async def trim_dead_letters(self, before: float) -> int:
        """Drop some of those whose last failure was before this; returns how many."""
        return await self._run(dead_letters.forget, before)

    async def dead_letters(self, *, after: str = "", limit: int = 100) -> list[DeadLetter]:
        """Those that failed last come first; `after` this one, where it is given. Bodies are left out."""
        return await self._run(dead_letters.newest, after, limit)

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """The whole of one."""
        return await self._run(dead_letters.one, letter_id)

    async def task(self, task_id: str) -> TaskRow | None:
        """The task under our id, or the newest under the id that its instance gave it."""
        return await self._tasks.get(task_id)

    async def tasks_by_remote_id(self, remote_id: str) -> list[TaskRow]:
        """The tasks that instances gave this id: first those that have not ended, oldest first, then the others,
        newest first; 100 at most."""
        return await self._run(reads.tasks_by_remote_id, remote_id)

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        """The newest tasks, filtered."""
        return await self._run(reads.newest_tasks, agent_id, states, limit)

    async def payload(self, task_id: str, part: str) -> Payload | None:
        """A stored payload."""
        return await self._payloads.get((task_id, part))

    async def inputs(self, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
        """The tasks under these ids, with their inputs."""
        return await self._run(reads.inputs, task_ids)

    async def known(self, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Digest and instance of each of these that names a task."""
        return await self._run(reads.known, task_ids)

    async def story(self, task_id: str) -> list[JournalEntry]:
        """Every event about a task, in the order in which they were written; those of one transaction by `at`."""
        return await self._run(reads.story, task_id)

    async def live_activity(
        self, where: ActivityFilter, *, after: int = 0, upto: int | None = None, limit: int = 100
    ) -> list[ActivityRow]:
        """Entries of tasks that have not ended, with after < change <= upto, the one whose change is oldest first."""
        return await self._run(activity.live, where, after, upto, limit)

    async def ended_activity(
        self, where: ActivityFilter, *, before: int | None = None, limit: int = 100
    ) -> list[ActivityRow]:
        """Entries of ended tasks that are neither purged nor too old, with change < before, newest end first."""
        return await self._run(activity.ended, where, before, limit)

    async def activity_changes(self, after: int, limit: int) -> list[ActivityRow]:
        """The entries whose last change came after change `after`, ended and purged ones too, in order of change."""
        rows, counted = await self._run(activity.changes, after, limit)
        self._watch.saw(*counted)
        return rows

    def newest_activity_change(self) -> int:
        """The number of the newest change, 0 before the first."""
        return self._watch.newest

    def forgotten_activity_change(self) -> int:
        """The number up to which changes of ended entries may have been forgotten, 0 where none has been."""
        return self._watch.forgotten

    async def activity_beyond(self, change: int) -> None:
        """Return once there is a change with a higher number."""
        await self._watch.beyond(change)

    async def count_by_state(self) -> dict[TaskState, int]:
        """How many tasks are in each state; states without tasks are left out."""
        return await self._run(reads.count_by_state)

    def _opened(self) -> asyncpg.Pool:
        if self._pool is None:
            raise StoreUnavailable("the store is not open")
        return self._pool

    async def _run(
        self, job: Callable[Concatenate[asyncpg.Connection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one of the functions of a connection on one of ours."""
        pool = self._opened()
        await self._writer.settled()
        with unavailable(self._database.name):
            async with pool.acquire(timeout=self._database.timeout_s) as borrowed:
                return await job(cast(asyncpg.Connection, borrowed), *args, **kwargs)
