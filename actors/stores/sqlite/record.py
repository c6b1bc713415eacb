"""The record of a store file for verification: read in one transaction, so that a service may go on using the file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

from actors.activity_reader import ActivityRow
from actors.errors import StoreUnavailable
from actors.store import JournalEntry, Lease, OutboxRow, Snapshot, TaskRow
from actors.stores import batches
from actors.stores.sqlite import activity_table, connection, snapshots, task_table, trimming
from actors.stores.sqlite.connection import unavailable

ROWS = 256
"""Rows fetched at a time."""

_JOURNAL = """
SELECT pos, (SELECT last FROM mention WHERE mention.first <= pos ORDER BY mention.first DESC LIMIT 1),
    shard, epoch, first, entries
FROM journal ORDER BY pos
"""
"""Each batch with the position at which its transaction ends; a lower one, or none, where that was about no task."""

_at = attrgetter("at")


class SqliteRecord:
    """The record in the file at `path`, as it is when it is opened. The log of the file grows while it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Raises StoreUnavailable where there is no store, or one of another version."""
        if not self._path.is_file():
            raise StoreUnavailable(f"there is no store {self._path}")
        with unavailable(self._path):
            self._connection = connection.record_reader(self._path)
            self._connection.execute("BEGIN")
            version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != len(connection.MIGRATIONS):
            await self.close()
            raise StoreUnavailable(
                f"{self._path} has schema version {version} and this program reads {len(connection.MIGRATIONS)}; "
                "a store of an older version is brought up to date by starting the service on it"
            )

    async def close(self) -> None:
        """Let the store go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def entries(self) -> AsyncIterator[JournalEntry]:
        """The journal of all shards in the order of writing; entries of one transaction by `at`."""
        end = 0
        gathered: list[JournalEntry] = []
        for pos, last, *batch in self._rows(_JOURNAL):
            if pos > end:
                for entry in sorted(gathered, key=_at):
                    yield entry
                gathered, end = [], max(pos, last or 0)
            gathered += batches.unpack(*batch)
        for entry in sorted(gathered, key=_at):
            yield entry

    async def tasks(self) -> AsyncIterator[TaskRow]:
        """Every task."""
        for row in self._rows(f"{task_table.SELECT} ORDER BY pos"):
            yield task_table.read(row)

    async def activity(self) -> AsyncIterator[ActivityRow]:
        """Every row of the activity entries, purged ones too."""
        for row in self._rows(activity_table.ALL):
            yield activity_table.read(row)

    async def leases(self) -> list[Lease]:
        """Every shard as it is owned."""
        [(store_id,)] = self._rows("SELECT id FROM store")
        rows = self._rows("SELECT id, epoch, seq FROM shard ORDER BY id")
        return [Lease(shard, epoch, seq, store_id) for shard, epoch, seq in rows]

    async def snapshots(self) -> dict[str, Snapshot]:
        """The newest snapshot of each shard that has one."""
        shards = [shard for (shard,) in self._rows("SELECT shard FROM snapshot")]
        found = {shard: snapshots.read(self._open, shard) for shard in shards}
        return {shard: snapshot for shard, snapshot in found.items() if snapshot is not None}

    async def outbox(self) -> list[OutboxRow]:
        """Everything that still has to be sent."""
        return [OutboxRow(*row) for row in self._rows("SELECT id, shard, body FROM outbox ORDER BY pos")]

    async def trimmed_until(self) -> float | None:
        """Tasks that ended up to then (Unix seconds) may have been dropped; None where none ever was."""
        return trimming.trimmed_until(self._open)

    async def dead_letters(self) -> list[str]:
        """The ids of the messages that could have no effect."""
        return [letter_id for (letter_id,) in self._rows("SELECT id FROM dead_letter ORDER BY id")]

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return self._connection

    def _rows(self, query: str) -> Iterator[Any]:
        with unavailable(self._path):
            cursor = self._open.execute(query)
            while rows := cursor.fetchmany(ROWS):
                yield from rows
