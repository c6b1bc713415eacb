"""The record of a store in PostgreSQL for verification: read in one transaction, while processes go on writing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from operator import attrgetter
from typing import Any, Final

import asyncpg

from actors.activity_reader import ActivityRow
from actors.errors import StoreUnavailable
from actors.leases import Lease
from actors.store import JournalEntry, OutboxRow, Snapshot, TaskRow
from actors.stores import batches
from actors.stores.postgres import activity, changes, reads, trimming
from actors.stores.postgres.connections import Database
from actors.stores.postgres.faults import unavailable
from actors.stores.postgres.schema import KNOWN_VERSION, stored_version

ROWS: Final = 256
"""Rows fetched at a time."""

TIMEOUT_S: Final = 60.0


class PostgresRecord:
    """The record in the database at `url`, as it is when it is opened."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, TIMEOUT_S)
        self._connection: asyncpg.Connection | None = None
        self._cursors = 0

    async def open(self) -> None:
        """Raises StoreUnavailable where there is no store, or one of another version."""
        self._connection = await self._database.connect()
        with unavailable(self._database.name):
            await self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            version = await stored_version(self._connection)
        if version != KNOWN_VERSION:
            await self.close()
            raise StoreUnavailable(
                f"{self._database.name} has schema version {version} and this program reads {KNOWN_VERSION}; a store "
                "of an older version is brought up to date by starting the service on it"
            )

    async def close(self) -> None:
        """Let the store go."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def entries(self) -> AsyncIterator[JournalEntry]:
        """The journal of all shards in the order of writing; entries of one transaction by `at`."""
        turn, gathered = 0, list[JournalEntry]()
        async for of_turn, *batch in self._rows("SELECT turn, shard, epoch, first, entries FROM journal ORDER BY turn"):
            if of_turn != turn:
                for entry in sorted(gathered, key=_at):
                    yield entry
                turn, gathered = of_turn, []
            gathered += batches.unpack(*batch)
        for entry in sorted(gathered, key=_at):
            yield entry

    async def tasks(self) -> AsyncIterator[TaskRow]:
        """Every task."""
        async for row in self._rows(reads.ALL_TASKS):
            yield reads.task_row(row)

    async def activity(self) -> AsyncIterator[ActivityRow]:
        """Every row of the activity entries, purged ones too."""
        async for row in self._rows(activity.ALL):
            yield activity.read(row)

    async def leases(self) -> list[Lease]:
        """Every shard as it is owned."""
        store_id = await self._open.fetchval("SELECT id FROM store")
        rows = await self._open.fetch("SELECT id, epoch, seq FROM shard ORDER BY id")
        return [Lease(shard, epoch, seq, store_id or "") for shard, epoch, seq in rows]

    async def snapshots(self) -> dict[str, Snapshot]:
        """The newest snapshot of each shard that has one."""
        shards = [shard for (shard,) in await self._open.fetch("SELECT shard FROM snapshot")]
        found = {shard: await changes.load_snapshot(self._open, shard) for shard in shards}
        return {shard: snapshot for shard, snapshot in found.items() if snapshot is not None}

    async def outbox(self) -> list[OutboxRow]:
        """Everything that still has to be sent."""
        return [OutboxRow(*row) for row in await self._open.fetch("SELECT id, shard, body FROM outbox ORDER BY pos")]

    async def trimmed_until(self) -> float | None:
        """Tasks that ended up to then (Unix seconds) may have been dropped; None where none ever was."""
        return await trimming.trimmed_until(self._open)

    async def dead_letters(self) -> list[str]:
        """The ids of the messages that could have no effect."""
        return [letter_id for (letter_id,) in await self._open.fetch("SELECT id FROM dead_letter ORDER BY id")]

    @property
    def _open(self) -> asyncpg.Connection:
        if self._connection is None:
            raise StoreUnavailable(f"{self._database.name} is not open")
        return self._connection

    async def _rows(self, query: str) -> AsyncIterator[Any]:
        self._cursors += 1
        cursor = f"reading_{self._cursors}"  # of its own, as statements are remembered with the columns that they had
        with unavailable(self._database.name):
            await self._open.execute(f"DECLARE {cursor} NO SCROLL CURSOR FOR {query}")
            while rows := await self._open.fetch(f"FETCH {ROWS} FROM {cursor}"):
                for row in rows:
                    yield row
            await self._open.execute(f"CLOSE {cursor}")


_at = attrgetter("at")
