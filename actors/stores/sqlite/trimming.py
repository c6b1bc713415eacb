"""Drops what retention no longer keeps, in slices of a few milliseconds, so that commits pass between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from sqlite3 import Connection

from actors.store import JournalEntry
from actors.stores import batches
from actors.stores.sqlite import bulk
from actors.stores.sqlite.activity_table import ActivityTable
from actors.stores.sqlite.commit import transaction
from actors.stores.trimmed_batches import droppable

TASKS = 256
"""Tasks dropped at a time: about 10 ms, most of it one sync of the disk."""

JOURNAL_ROWS = 64
"""Batches of the journal looked at at a time."""

_TASKS = bulk.per_row(1, "DELETE FROM task WHERE pos IN ({values})")
_PAYLOADS = bulk.per_row(1, "DELETE FROM payload WHERE task_id IN ({values})")
_KNOWN = bulk.per_row(1, "SELECT task_id, submitted_at FROM task WHERE task_id IN ({values})")


@dataclass(frozen=True, slots=True)
class Slice:
    """What to do with some batches, the last at position `upto`: new contents by position, None to drop it.

    `is_last`: nothing after these may be trimmed yet.
    """

    upto: int
    changes: dict[int, bytes | None]
    is_last: bool


def end_of_excess(connection: Connection, keep: int) -> float | None:
    """What ended up to then is too much; None where there are less than `keep` ended tasks."""
    query = "SELECT ended_at FROM task WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1 OFFSET ?"
    rows = connection.execute(query, (keep - 1,)).fetchall()
    return math.nextafter(rows[0][0], 0.0) if rows else None


def drop_tasks(connection: Connection, activity: ActivityTable, upto: float) -> int:
    """Some of the tasks that ended up to then, oldest end first, with all that is theirs; returns how many."""
    with transaction(connection):
        query = "SELECT pos, task_id, ended_at FROM task WHERE ended_at <= ? ORDER BY ended_at LIMIT ?"
        rows = connection.execute(query, (upto, TASKS)).fetchall()
        if not rows:
            return 0
        task_ids = [(task_id,) for _, task_id, _ in rows]
        activity.drop_ended(connection, task_ids)
        bulk.change(connection, _PAYLOADS, task_ids)
        bulk.change(connection, _TASKS, [(pos,) for pos, _, _ in rows])
        if not connection.execute("UPDATE trimmed SET until = max(until, ?)", (rows[-1][2],)).rowcount:
            connection.execute("INSERT INTO trimmed (until) VALUES (?)", (rows[-1][2],))
    return len(rows)


def trimmed_until(connection: Connection) -> float | None:
    """Tasks that ended up to then may have been dropped."""
    rows = connection.execute("SELECT until FROM trimmed").fetchall()
    return float(rows[0][0]) if rows else None


def look(connection: Connection, after: int) -> Slice:
    """What may go of the batches that come after this position."""
    until = trimmed_until(connection)
    query = "SELECT pos, last, shard, epoch, first, entries FROM journal WHERE pos > ? ORDER BY pos LIMIT ?"
    rows = connection.execute(query, (after, JOURNAL_ROWS)).fetchall()
    snapshots = dict(connection.execute("SELECT shard, seq FROM snapshot").fetchall())
    changes: dict[int, bytes | None] = {}
    for pos, last, shard, epoch, first, packed in rows:
        entries = batches.unpack(shard, epoch, first, packed)
        if until is None or (entries and entries[0].at > until):
            return Slice(pos, changes, True)
        if last <= snapshots.get(shard, 0):
            dropped = _droppable(connection, entries)
            if dropped or not entries:
                changes[pos] = batches.trimmed(first, packed, dropped)
        after = pos
    return Slice(after, changes, len(rows) < JOURNAL_ROWS)


def drop_entries(connection: Connection, after: int, found: Slice) -> None:
    """Do what was found. The newest batch stays, whose position is the last one given away."""
    with transaction(connection):
        for pos, packed in found.changes.items():
            if packed is None:
                connection.execute(
                    "DELETE FROM journal WHERE pos = ?1 AND pos < (SELECT max(pos) FROM journal)", (pos,)
                )
            else:
                connection.execute("UPDATE journal SET entries = ? WHERE pos = ?", (packed, pos))
        connection.execute(
            "DELETE FROM mention WHERE first > ? AND last <= ?"
            " AND NOT EXISTS (SELECT 1 FROM journal WHERE pos BETWEEN mention.first AND mention.last)",
            (after, found.upto),
        )


def _droppable(connection: Connection, entries: list[JournalEntry]) -> frozenset[int]:
    about = {entry.task_id for entry in entries if entry.task_id}
    return droppable(entries, dict(bulk.select(connection, _KNOWN, list(about))))
