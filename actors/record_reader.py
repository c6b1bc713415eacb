"""The port by which a store's whole record is read: at one moment, without changing anything, in use or not.

Implementations are beside the stores (`stores/sqlite/record.py`); `actors.stores.open_record` knows them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from actors.activity_reader import ActivityRow
from actors.store import JournalEntry, Lease, OutboxRow, Snapshot, TaskRow


class RecordReader(Protocol):
    """What verifications read. Everything is of the moment of `open`."""

    async def open(self) -> None:
        """Raises StoreUnavailable where there is no store, or one of another version."""

    async def close(self) -> None:
        """Let the store go."""

    def entries(self) -> AsyncIterator[JournalEntry]:
        """The journal of all shards in the order of writing; entries of one transaction by `at`."""

    def tasks(self) -> AsyncIterator[TaskRow]:
        """Every task."""

    def activity(self) -> AsyncIterator[ActivityRow]:
        """Every row of the activity entries, purged ones too."""

    async def leases(self) -> list[Lease]:
        """Every shard as it is owned."""

    async def snapshots(self) -> dict[str, Snapshot]:
        """The newest snapshot of each shard that has one."""

    async def outbox(self) -> list[OutboxRow]:
        """Everything that still has to be sent."""

    async def trimmed_until(self) -> float | None:
        """Tasks that ended up to then (Unix seconds) may have been dropped; None where none ever was."""

    async def dead_letters(self) -> list[str]:
        """The ids of the messages that could have no effect."""
