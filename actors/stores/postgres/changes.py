"""What changes anything beside the commits: who owns a shard, snapshots in pieces, what may be forgotten."""

from __future__ import annotations

from typing import Final

import asyncpg

from actors.errors import Fenced
from actors.store import Lease, Snapshot
from actors.stores.snapshot_pieces import joined

FORGET_ROWS: Final = 5_000
"""Inbox rows dropped a transaction."""


async def name_store(connection: asyncpg.Connection) -> str:
    """The random name of this store, which the first one to ask gives it."""
    await connection.execute(
        "INSERT INTO store (id, one) VALUES (replace(gen_random_uuid()::text, '-', ''), TRUE) ON CONFLICT DO NOTHING"
    )
    name: str = await connection.fetchval("SELECT id FROM store")
    return name


async def forget_received(connection: asyncpg.Connection, before: float) -> int:
    """Drop some inbox ids older than this; returns how many."""
    status = await connection.execute(
        "DELETE FROM inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox WHERE at < $1 LIMIT $2))", before, FORGET_ROWS
    )
    return int(status.rpartition(" ")[2])


async def begin_snapshot(connection: asyncpg.Connection, lease: Lease, seq: int) -> int | None:
    """The number to save a snapshot under; None where it is not newer than the one that counts. Raises Fenced."""
    row = await connection.fetchrow(
        "SELECT coalesce($3 > snapshot.seq, TRUE) AS is_newer FROM shard LEFT JOIN snapshot ON shard = id "
        "WHERE id = $1 AND epoch = $2",
        lease.shard,
        lease.epoch,
        seq,
    )
    if row is None:
        raise Fenced([lease.shard])
    if not row["is_newer"]:
        return None
    save: int = await connection.fetchval("SELECT nextval('save')")
    return save


async def add_piece(connection: asyncpg.Connection, lease: Lease, save: int, piece: bytes) -> None:
    """Write one piece of a snapshot that does not count yet."""
    await connection.execute(
        "INSERT INTO snapshot_piece (shard, save, body) SELECT id, $3, $4 FROM shard WHERE id = $1 AND epoch = $2",
        lease.shard,
        lease.epoch,
        save,
        piece,
    )


async def finish_snapshot(connection: asyncpg.Connection, lease: Lease, save: int, seq: int) -> None:
    """Make the snapshot count. Raises Fenced."""
    done = await connection.fetchval(
        "WITH mine AS (SELECT id FROM shard WHERE id = $1 AND epoch = $2 FOR SHARE) "
        "INSERT INTO snapshot (shard, seq, save) SELECT id, $3, $4 FROM mine "
        "ON CONFLICT (shard) DO UPDATE SET seq = excluded.seq, save = excluded.save RETURNING TRUE",
        lease.shard,
        lease.epoch,
        seq,
        save,
    )
    if not done:
        raise Fenced([lease.shard])


async def sweep_pieces(connection: asyncpg.Connection, lease: Lease) -> bool:
    """Remove some pieces that do not count; False where there are none, or where the shard is another's by now."""
    status = await connection.execute(
        "DELETE FROM snapshot_piece WHERE pos = ANY (ARRAY("
        "SELECT pos FROM snapshot_piece WHERE shard = $1 "
        "AND save IS DISTINCT FROM (SELECT save FROM snapshot WHERE shard = $1) LIMIT 8)) "
        "AND EXISTS (SELECT FROM shard WHERE id = $1 AND epoch = $2)",
        lease.shard,
        lease.epoch,
    )
    return status != "DELETE 0"


async def load_snapshot(connection: asyncpg.Connection, shard: str) -> Snapshot | None:
    """The newest complete snapshot."""
    rows = await connection.fetch(
        "SELECT snapshot.seq, body FROM snapshot LEFT JOIN snapshot_piece USING (shard, save) "
        "WHERE shard = $1 ORDER BY pos",
        shard,
    )
    if not rows:
        return None
    return Snapshot(rows[0]["seq"], joined(row["body"] for row in rows if row["body"] is not None))
