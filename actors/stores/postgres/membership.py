"""Leases by the database's clock, and a connection by whose end the others see at once that a process is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final, cast

import asyncpg

from actors.addresses import ActorKind
from actors.errors import StoreUnavailable
from actors.leases import Lease, Member, Membership
from actors.stores.postgres.connections import Database
from actors.stores.postgres.faults import unavailable

LOCKS: Final = 0x53574D50
"""Class of the advisory locks of members ("SWMP"); the view `living_member` has it as a number."""

_ENROLL: Final = (
    "INSERT INTO shard (id, owner, epoch, seq) SELECT id, '', 0, 0 FROM unnest($1::text[]) AS id "
    "WHERE NOT EXISTS (SELECT FROM shard) ON CONFLICT DO NOTHING"
)
_RENEW: Final = (
    "INSERT INTO member (id, kinds, renewed_at, expires_at) "
    "VALUES ($1, $2, clock_timestamp(), clock_timestamp() + make_interval(secs => $3)) ON CONFLICT (id) DO UPDATE "
    "SET kinds = excluded.kinds, renewed_at = excluded.renewed_at, expires_at = excluded.expires_at RETURNING number"
)
_OWNED: Final = (
    "SELECT shard.id, epoch, living_member.id AS owner FROM shard LEFT JOIN living_member ON owner = living_member.id"
)
# In the order in which commits lock them, so that neither waits for the other.
_ACQUIRE: Final = (
    "WITH wanted AS MATERIALIZED (SELECT id FROM shard WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE) "
    "UPDATE shard SET owner = $2, epoch = epoch + 1 FROM wanted WHERE shard.id = wanted.id "
    "AND (owner = $2 OR owner NOT IN (SELECT id FROM living_member)) RETURNING shard.id, epoch, seq"
)
_RELEASE: Final = (
    "UPDATE shard SET owner = '' FROM unnest($1::text[], $2::bigint[]) AS held (id, epoch) "
    "WHERE shard.id = held.id AND shard.epoch = held.epoch"
)


async def enroll(connection: asyncpg.Connection, shards: Sequence[str]) -> None:
    """Make these shards, where there are none; forget members that are long gone."""
    await connection.execute(_ENROLL, sorted(shards))
    await connection.execute("DELETE FROM member WHERE expires_at < clock_timestamp() - interval '1 day'")


async def acquire(connection: asyncpg.Connection, shards: Sequence[str], owner: str, store_id: str) -> dict[str, Lease]:
    """Become the owner of what is free of these."""
    rows = await connection.fetch(_ACQUIRE, sorted(shards), owner)
    return {shard: Lease(shard, epoch, seq, store_id) for shard, epoch, seq in rows}


async def release(connection: asyncpg.Connection, leases: Collection[Lease]) -> None:
    """Let others have what has not changed hands."""
    await connection.execute(_RELEASE, [lease.shard for lease in leases], [lease.epoch for lease in leases])


async def leave(connection: asyncpg.Connection, member_id: str) -> None:
    """Live no longer."""
    await connection.execute("DELETE FROM member WHERE id = $1", member_id)


class Presence:
    """The connection of a member. It renews on its own, so that no query of others can keep it from it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection | None = None
        self._has_lock = False
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Be gone."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(StoreUnavailable), unavailable(self._database.name):
                await connection.close(timeout=2)

    async def renew(self, member: Member, ttl: float) -> Membership:
        """Live for `ttl` more seconds. Raises StoreUnavailable."""
        async with self._turn:
            try:
                with unavailable(self._database.name):
                    return await self._renew(await self._connected(), member, ttl)
            except StoreUnavailable:
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                raise

    async def _renew(self, connection: asyncpg.Connection, member: Member, ttl: float) -> Membership:
        if not self._has_lock:
            # Before it is renewed: who has renewed and has no lock is gone.
            known = await connection.fetchval("SELECT number FROM member WHERE id = $1", member.id)
            await self._lock(connection, known)
        number = await connection.fetchval(_RENEW, member.id, sorted(member.kinds), ttl)
        await self._lock(connection, number)
        living = await connection.fetch("SELECT id, kinds FROM living_member")
        shards = await connection.fetch(_OWNED)
        return Membership(
            {row["id"]: frozenset(cast(list[ActorKind], row["kinds"])) for row in living},
            {row["id"]: row["owner"] for row in shards if row["owner"] is not None},
            {row["id"]: row["epoch"] for row in shards},
        )

    async def _lock(self, connection: asyncpg.Connection, number: int | None) -> None:
        """Where a session of ours that has been lost still has it, it is taken at a later renewal."""
        if number is not None and not self._has_lock:
            taken = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCKS, number)
            self._has_lock = bool(taken)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._has_lock = False
            self._connection = await self._database.connect()
            # A renewal that is lost with the server is one that was not heard of.
            await self._connection.execute("SET synchronous_commit = off")
        return self._connection
