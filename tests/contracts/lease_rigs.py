"""The stores as the suite of leases sees them: several processes on one store, and time that can be let pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import asyncpg

from actors.errors import StoreUnavailable
from actors.leases import Lease, Member
from actors.store import ShardAppend, Transaction, WholeStore
from actors.stores import open_store
from actors.stores.postgres.sessions import SCHEMA
from actors.stores.sqlite import SqliteStore
from tests.contracts.store_rigs import entry
from tests.postgres_server import PostgresServer

T = TypeVar("T")

SHARDS = ["scheduler", "agent-0", "agent-1"]


class LeaseRig(Protocol):
    """One store, seen by several processes. `ttl` is a time that may well be waited for (s)."""

    ttl: float

    def process(self) -> WholeStore:
        """The store as one more process has it, open."""

    def let_pass(self, seconds: float) -> None:
        """Time passes by the store's clock."""

    def __call__(self, awaitable: Awaitable[T]) -> T:
        """Wait for it."""

    def kill(self, store: WholeStore, member: Member) -> None:
        """The process that has the store so is killed."""

    def close(self) -> None:
        """No more of it."""


class SqliteLeases:
    """SQLite: one process, so that all its members are in it; who is killed is one that is known to have gone."""

    ttl = 5.0

    def __init__(self) -> None:
        self._now = 100.0
        self._runner = asyncio.Runner()
        self._store = SqliteStore(None, clock=lambda: self._now)
        self(self._store.open())

    def __call__(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self._runner.run(wait())

    def process(self) -> WholeStore:
        return self._store

    def let_pass(self, seconds: float) -> None:
        self._now += seconds

    def kill(self, store: WholeStore, member: Member) -> None:
        self(store.leave(member.id))

    def close(self) -> None:
        self(self._store.close())
        self._runner.close()


class PostgresLeases:
    """PostgreSQL: each process has connections of its own, and is gone when they end. Time passes as rows grow old."""

    ttl = 5.0

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._runner = asyncio.Runner()
        self._url = server.store()
        self._stores: list[WholeStore] = []
        self.processes: list[Process] = []

    def __call__(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self._runner.run(wait())

    def process(self) -> WholeStore:
        store = open_store(self._url)
        self(store.open())
        self._stores.append(store)
        return store

    def let_pass(self, seconds: float) -> None:
        self._run(f"UPDATE member SET expires_at = expires_at - make_interval(secs => {seconds})")

    def kill(self, store: WholeStore, member: Member) -> None:
        lock = f"FROM pg_locks JOIN member ON objid = number::bigint::oid AND objsubid = 2 WHERE id = '{member.id}'"
        self._run(
            f"""DO $$ BEGIN
            PERFORM pg_terminate_backend(pid) {lock};
            WHILE EXISTS (SELECT {lock}) LOOP PERFORM pg_sleep(0.01); END LOOP;
            END $$"""
        )

    def close(self) -> None:
        for store in self._stores:
            self(store.close())
        self._runner.close()
        self._server.free(self._url)

    def _run(self, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self._url, server_settings={"search_path": SCHEMA})
            await connection.execute(statement)
            await connection.close()

        self(run())


class Process:
    """A process that holds shards, and writes to them as long as it believes that it may."""

    def __init__(self, rig: LeaseRig, name: str) -> None:
        self._rig = rig
        self.member = Member(name, frozenset({"scheduler", "agent"}))
        self.store = rig.process()
        self.leases: dict[str, Lease] = {}
        rig(self.store.join(self.member, SHARDS, rig.ttl))

    def renew(self) -> dict[str, str]:
        """Live on, whatever has become of the connection; who holds what."""
        try:
            return dict(self._rig(self.store.renew(self.member, self._rig.ttl)).owners)
        except StoreUnavailable:
            return dict(self._rig(self.store.renew(self.member, self._rig.ttl)).owners)

    def living(self) -> set[str]:
        """Live on; who else does."""
        return set(self._rig(self.store.renew(self.member, self._rig.ttl)).members)

    def acquire(self, *shards: str) -> set[str]:
        """Take what is free of these."""
        got = self._rig(self.store.acquire(shards, self.member.id))
        self.leases |= got
        return set(got)

    def release(self, *shards: str) -> None:
        """Let others have these."""
        self._rig(self.store.release([self.leases[shard] for shard in shards]))

    def write(self, shard: str) -> None:
        """Append one entry after the newest in the store. Raises Fenced."""
        lease = self.leases[shard]

        async def newest() -> int:
            return max([e.seq async for e in self.store.journal(shard, 0)], default=0)

        following = entry(self._rig(newest()) + 1)
        self._rig(self.store.commit(Transaction(appends=[ShardAppend(shard, lease.epoch, [following])])))

    def kill(self) -> None:
        """Kill -9."""
        self._rig.kill(self.store, self.member)


LEASE_RIGS: dict[str, Callable[[Callable[[], PostgresServer]], LeaseRig]] = {
    "sqlite": lambda _: SqliteLeases(),
    "postgres": lambda server: PostgresLeases(server()),
}
