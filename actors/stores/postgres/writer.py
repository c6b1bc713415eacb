"""The one connection that commits: one transaction after another, in the order in which they were asked for.

A commit whose connection is lost has an unknown outcome. Nothing is read or written again before it is known: the
session that carried it is ended and gone, so that what is read then is what will stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from actors.errors import StoreUnavailable
from actors.store import Transaction
from actors.stores.postgres import commit as commits
from actors.stores.postgres.connections import BY_INDEX, Database
from actors.stores.postgres.faults import unavailable

log = structlog.get_logger(__name__)

POLL_S: Final = 0.02
"""Pause between two looks whether a session has ended (s)."""

_WHO: Final = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2"


class Writer:
    """Commits. `on_activity` is told the newest and the newest forgotten change after each that changes activity."""

    def __init__(self, database: Database, activity_history: int, on_activity: Callable[[int, int], None]) -> None:
        self._database = database
        self._most_ended = activity_history
        self._spare = max(100, activity_history // 10)
        self._on_activity = on_activity
        self._connection: asyncpg.Connection | None = None
        self._session: tuple[int, datetime] | None = None
        self._in_doubt: tuple[int, datetime] | None = None
        self._turn = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._failures = 0
        self._running: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def open(self) -> None:
        """Connect. Raises StoreUnavailable."""
        async with self._turn:
            await self._connected()

    async def close(self) -> None:
        """Finish what was asked for."""
        self._is_closed = True
        async with self._turn:
            if self._connection is not None:
                connection, self._connection = self._connection, None
                try:
                    with unavailable(self._database.name):
                        await connection.close(timeout=5)
                except StoreUnavailable:
                    connection.terminate()

    async def commit(self, work: Transaction) -> None:
        """Write it all or nothing, even if the caller is cancelled meanwhile. Raises Fenced, AlreadyReceived,
        StoreUnavailable, and ValueError for work that contradicts itself."""
        if self._is_closed:
            raise StoreUnavailable("the store is closed")
        prepared = commits.prepare(work)
        if prepared.is_empty:
            return
        task = asyncio.create_task(self._commit(prepared, work.inbox, self._failures))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def settled(self) -> None:
        """Return once every commit has a known outcome. Raises StoreUnavailable while that cannot be found out."""
        if self._in_doubt is None:
            return
        async with self._settling:
            if (doubt := self._in_doubt) is not None:
                await self._end_session(*doubt)
                self._in_doubt = None

    async def _commit(self, prepared: commits.Prepared, inbox: list[str], failures: int) -> None:
        async with self._turn:
            if failures != self._failures:
                raise StoreUnavailable("not tried, since a commit before it failed")
            connection = await self._connected()
            try:
                with unavailable(self._database.name):
                    activity = await self._write(connection, prepared, inbox)
            except StoreUnavailable:
                self._failures += 1
                self._give_up(connection)
                raise
            if activity is not None:
                self._on_activity(*activity)

    async def _write(
        self, connection: asyncpg.Connection, prepared: commits.Prepared, inbox: list[str]
    ) -> list[int] | None:
        try:
            return await commits.write(connection, prepared, self._most_ended, self._spare)
        except asyncpg.PostgresError as error:
            named = await commits.meaning(error, connection, inbox)
            if named is None:
                raise
            raise named from error

    async def _connected(self) -> asyncpg.Connection:
        await self.settled()
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            connection = await self._database.connect(BY_INDEX)
            with unavailable(self._database.name):
                [(pid, began)] = await connection.fetch(_WHO)
            self._session = pid, began
            self._connection = connection
        return self._connection

    def _give_up(self, connection: asyncpg.Connection) -> None:
        """Whatever state it is in, the next commit has a new one."""
        self._connection = None
        self._in_doubt = self._session
        connection.terminate()

    async def _end_session(self, pid: int, began: datetime) -> None:
        connection = await self._database.connect()
        try:
            with unavailable(self._database.name):
                async with asyncio.timeout(self._database.timeout_s):
                    while await connection.fetchval(_END, pid, began):  # noqa: ASYNC110 (nobody tells us)
                        await asyncio.sleep(POLL_S)
        finally:
            connection.terminate()
