"""Snapshots in pieces of a megabyte, each a transaction of its own, so that commits pass between them.

A snapshot counts from the moment its row in `snapshot` is written, which is the last step; pieces that no such
row names are leftovers of a crash or of an older snapshot.
"""

from __future__ import annotations

from sqlite3 import Connection

from actors.errors import Fenced
from actors.store import Lease, Snapshot
from actors.stores.snapshot_pieces import joined
from actors.stores.sqlite.commit import transaction


def is_newer(connection: Connection, lease: Lease, seq: int) -> bool:
    """Whether a snapshot up to `seq` is worth keeping. Raises Fenced."""
    _check(connection, lease)
    rows = connection.execute("SELECT seq FROM snapshot WHERE shard = ?", (lease.shard,)).fetchall()
    return not rows or seq > rows[0][0]


def add(connection: Connection, lease: Lease, seq: int, piece: bytes) -> None:
    """Write one piece of a snapshot that does not count yet. Raises Fenced."""
    with transaction(connection):
        _check(connection, lease)
        connection.execute("INSERT INTO snapshot_piece (shard, seq, body) VALUES (?, ?, ?)", (lease.shard, seq, piece))


def finish(connection: Connection, lease: Lease, seq: int) -> None:
    """Make the snapshot count. Raises Fenced."""
    with transaction(connection):
        _check(connection, lease)
        connection.execute("INSERT OR REPLACE INTO snapshot (shard, seq) VALUES (?, ?)", (lease.shard, seq))


def sweep(connection: Connection, lease: Lease) -> bool:
    """Remove one piece that does not count; False where there is none, or where the shard is another's by now: it may
    be one that is to count soon."""
    with transaction(connection):
        removed = connection.execute(
            "DELETE FROM snapshot_piece WHERE pos = (SELECT pos FROM snapshot_piece WHERE shard = ?1"
            " AND seq IS NOT (SELECT seq FROM snapshot WHERE shard = ?1) LIMIT 1)"
            " AND EXISTS (SELECT 1 FROM shard WHERE id = ?1 AND epoch = ?2)",
            (lease.shard, lease.epoch),
        ).rowcount
    return removed > 0


def load(connection: Connection, shard: str) -> Snapshot | None:
    """The newest complete snapshot."""
    connection.execute("BEGIN")
    try:
        return read(connection, shard)
    finally:
        connection.execute("COMMIT")


def read(connection: Connection, shard: str) -> Snapshot | None:
    """The same within a transaction of the caller's."""
    rows = connection.execute("SELECT seq FROM snapshot WHERE shard = ?", (shard,)).fetchall()
    if not rows:
        return None
    seq: int = rows[0][0]
    query = "SELECT body FROM snapshot_piece WHERE shard = ? AND seq = ? ORDER BY pos"
    bodies = connection.execute(query, (shard, seq)).fetchall()
    return Snapshot(seq, joined(body for (body,) in bodies))


def _check(connection: Connection, lease: Lease) -> None:
    rows = connection.execute("SELECT epoch FROM shard WHERE id = ?", (lease.shard,)).fetchall()
    if not rows or rows[0][0] != lease.epoch:
        raise Fenced([lease.shard])
