"""The store port on SQLite: durable when `commit` returns, one writer, readers that never wait for it.

The driver is used directly: a commit carries the work of dozens of tasks at tens of microseconds each, which is less
than a mapping layer costs a row. Commits run in one writer thread. Reads by key run on the event loop itself, on a
connection of their own: 20 us, and 80 us for the first one after a commit; asking a thread would add 65.
Scans run in a thread of theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from sqlite3 import Connection
from tempfile import TemporaryDirectory

from actors.activity_reader import ActivityFilter, ActivityRow
from actors.crash_points import reach
from actors.dead_letters import DeadLetter
from actors.errors import StoreUnavailable
from actors.leases import Lease, LeaseTable, Member, Membership
from actors.store import JournalEntry, OutboxRow, Payload, Snapshot, TaskRow, Transaction
from actors.stores.snapshot_pieces import pieces
from actors.stores.sqlite import activity_table, dead_letters, lease_rows, reads, snapshots, trimming
from actors.stores.sqlite.commit import received, transaction
from actors.stores.sqlite.open_file import OpenFile
from actors.task_lifecycle import TaskState

FORGET_ROWS = 5_000
"""Inbox rows dropped a transaction, so that commits pass between them."""

FORGET_DEAD = 100
"""Dead letters dropped a transaction."""


class SqliteStore:
    """A store in the file `path`; None for one in a private temporary file that goes when it is closed.

    `activity_history`: how many entries of ended tasks are kept. Leases go by `clock`: one file is one process's, so
    that whoever held a shard before it was opened is dead.
    """

    def __init__(
        self, path: Path | None, *, activity_history: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._leases = LeaseTable()
        self._activity_history = activity_history
        self._activity_changed = asyncio.Event()
        self._temporary: TemporaryDirectory[str] | None = None
        self._open: OpenFile | None = None
        self._saving = asyncio.Lock()

    @property
    def _file(self) -> OpenFile:
        if self._open is None:
            raise StoreUnavailable("the store is not open")
        return self._open

    async def open(self) -> None:
        """Open, creating the schema where there is none. Raises StoreInUse, StoreUnavailable."""
        if self._open is not None:
            raise StoreUnavailable("the store is open already")
        self._leases = LeaseTable()
        if self._path is not None:
            self._open = await asyncio.to_thread(OpenFile, self._path.resolve(), "FULL", self._activity_history)
            return
        self._temporary = TemporaryDirectory(prefix="swarmpilot-")
        path = Path(self._temporary.name, "store.db")
        self._open = await asyncio.to_thread(OpenFile, path, "OFF", self._activity_history)

    async def close(self) -> None:
        """Finish what is being written and close."""
        if self._open is not None:
            closing, self._open = self._open, None
            await asyncio.to_thread(closing.close)
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    async def join(self, member: Member, shards: Sequence[str], ttl: float) -> None:
        """Live from now on. `shards` are all of the deployment; a store that has none yet makes these."""
        await self._file.write(lease_rows.enroll, shards)
        self._leases.renew(member, self._clock(), ttl)

    async def renew(self, member: Member, ttl: float) -> Membership:
        """Live for `ttl` more seconds, also where it had been given up, and see who else does."""
        self._leases.renew(member, self._clock(), ttl)
        epochs, now = self._file.read(lease_rows.epochs), self._clock()
        return Membership(self._leases.living(now), self._leases.owners(now), epochs)

    async def acquire(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        """Become the owner of those that are free or this owner's already: each epoch grows by one."""
        granted = self._leases.grant(shards, owner, self._clock())
        return await self._file.write(lease_rows.take_over, granted, owner) if granted else {}

    async def release(self, leases: Collection[Lease]) -> None:
        """Let others have these at once. What has changed hands meanwhile is left alone."""
        for shard in self._file.read(lease_rows.current, leases):
            self._leases.free(shard)

    async def leave(self, member_id: str) -> None:
        """Live no longer: what it still holds is free."""
        self._leases.leave(member_id)

    async def commit(self, transaction: Transaction) -> None:
        """Write it all or nothing. Raises Fenced, AlreadyReceived, StoreUnavailable.

        ValueError says that the work contradicts itself or TaskRow. Of a payload that is there already the first
        stays, but of a checkpoint the last. After StoreUnavailable the disk may still turn out, at the next opening,
        to hold the transaction.
        """
        try:
            await self._file.commit(transaction, time.time())
        finally:
            if transaction.touches_activity:
                self._activity_changed.set()
                self._activity_changed = asyncio.Event()

    async def snapshot(self, shard: str) -> Snapshot | None:
        """The newest snapshot of the shard."""
        return await self._file.scan(snapshots.load, shard)

    async def save_snapshot(self, lease: Lease, snapshot: Snapshot) -> None:
        """Keep this snapshot instead of older ones. Raises Fenced."""
        file, seq = self._file, snapshot.seq
        async with self._saving:
            if not await file.write(snapshots.is_newer, lease, seq):
                return
            await self._sweep(file, lease)
            for piece in pieces(snapshot.actors):
                await file.write(snapshots.add, lease, seq, piece)
            reach("snapshot.written")
            await file.write(snapshots.finish, lease, seq)
            await self._sweep(file, lease)

    async def _sweep(self, file: OpenFile, lease: Lease) -> None:
        while await file.write(snapshots.sweep, lease):
            pass

    async def journal(self, shard: str, after: int) -> AsyncIterator[JournalEntry]:
        """The shard's entries with seq > after, in order."""
        while entries := await self._file.scan(reads.journal, shard, after):
            for entry in entries:
                yield entry
            after = entries[-1].seq

    async def outbox(self, shards: Collection[str]) -> list[OutboxRow]:
        """What these shards have not been confirmed to have sent, in the order in which it was written."""
        return await self._file.scan(reads.outbox, frozenset(shards))

    async def received(self, ids: Collection[str]) -> set[str]:
        """Which of these message ids are in the inbox."""
        return self._file.read(received, list(ids))

    async def shards(self) -> frozenset[str]:
        """The shards that have ever been taken over in this store."""
        return await self._file.scan(reads.shards)

    async def forget_received(self, before: float) -> int:
        """Drop inbox ids older than this time; returns how many."""
        forgotten = 0
        while dropped := await self._file.write(_forget_received, before):
            forgotten += dropped
        return forgotten

    async def end_of_excess(self, keep: int) -> float | None:
        """What ended up to then is more than the `keep` newest of ended tasks; None where none is."""
        return await self._file.scan(trimming.end_of_excess, keep)

    async def trim_tasks(self, upto: float) -> int:
        """Drop some of the tasks that ended up to then, oldest end first; returns how many."""
        return await self._file.trim(trimming.drop_tasks, self._file.activity, upto)

    async def trim_journal(self, after: int) -> int | None:
        """Drop what may go of the next part of the journal; returns where to go on, None at the end."""
        found = await self._file.scan(trimming.look, after)
        if found.changes:
            await self._file.trim(trimming.drop_entries, after, found)
        return None if found.is_last else found.upto

    async def trim_dead_letters(self, before: float) -> int:
        """Drop some of those whose last failure was before this; returns how many."""
        return await self._file.write(dead_letters.forget, before, FORGET_DEAD)

    async def dead_letters(self, *, after: str = "", limit: int = 100) -> list[DeadLetter]:
        """Those that failed last come first; `after` this one, where it is given. Bodies are left out."""
        return await self._file.scan(dead_letters.newest, after, limit)

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """The whole of one."""
        return await self._file.scan(dead_letters.one, letter_id)

    async def task(self, task_id: str) -> TaskRow | None:
        """The task under our id, or the newest under the id that its instance gave it."""
        return self._file.read(reads.task, task_id)

    async def tasks_by_remote_id(self, remote_id: str) -> list[TaskRow]:
        """The tasks that instances gave this id: first those that have not ended, oldest first, then the others,
        newest first; 100 at most."""
        return self._file.read(reads.tasks_by_remote_id, remote_id)

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        """The newest tasks, filtered."""
        return await self._file.scan(reads.newest_tasks, agent_id, states, limit)

    async def payload(self, task_id: str, part: str) -> Payload | None:
        """A stored payload."""
        return self._file.read(reads.payload, task_id, part)

    async def inputs(self, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
        """The tasks under these ids, with their inputs."""
        return self._file.read(reads.inputs, task_ids)

    async def known(self, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Digest and instance of each of these that names a task."""
        return self._file.read(reads.known, task_ids)

    async def story(self, task_id: str) -> list[JournalEntry]:
        """Every event about a task, in the order in which they were written; those of one transaction by `at`."""
        return await self._file.scan(reads.story, task_id)

    async def live_activity(
        self, where: ActivityFilter, *, after: int = 0, upto: int | None = None, limit: int = 100
    ) -> list[ActivityRow]:
        """Entries of tasks that have not ended, with after < change <= upto, the one whose change is oldest first."""
        return await self._file.scan(activity_table.live, where, after, upto, limit)

    async def ended_activity(
        self, where: ActivityFilter, *, before: int | None = None, limit: int = 100
    ) -> list[ActivityRow]:
        """Entries of ended tasks that are neither purged nor too old, with change < before, newest end first."""
        return await self._file.scan(activity_table.ended, where, before, limit)

    async def activity_changes(self, after: int, limit: int) -> list[ActivityRow]:
        """The entries whose last change came after change `after`, ended and purged ones too, in order of change."""
        return await self._file.scan(activity_table.changes, after, limit)

    def newest_activity_change(self) -> int:
        """The number of the newest change, 0 before the first."""
        return self._file.activity.newest

    def forgotten_activity_change(self) -> int:
        """The number up to which changes of ended entries may have been forgotten, 0 where none has been."""
        return self._file.activity.forgotten

    async def activity_beyond(self, change: int) -> None:
        """Return once there is a change with a higher number."""
        while self._file.activity.newest <= change:
            await self._activity_changed.wait()

    async def count_by_state(self) -> dict[TaskState, int]:
        """How many tasks are in each state; states without tasks are left out."""
        return await self._file.scan(reads.count_by_state)


def _forget_received(connection: Connection, before: float) -> int:
    """Ids come in order of time, so the old ones are at the front."""
    with transaction(connection):
        return connection.execute(
            "DELETE FROM inbox WHERE at < ?1 AND pos <= (SELECT min(pos) FROM inbox) + ?2", (before, FORGET_ROWS)
        ).rowcount
