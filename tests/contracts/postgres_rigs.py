"""A PostgreSQL database seen from beside the store: what its sessions do, locks held, sessions ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from actors.store import WholeStore
from actors.stores import open_store
from actors.stores.postgres.sessions import SCHEMA

DEADLINE_S = 30.0
WAITING: Final = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%commit_turn%'"
)


@asynccontextmanager
async def session(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own."""
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[WholeStore]:
    """A store that is open."""
    store = open_store(url, **settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[asyncpg.Connection]:
    """Nobody changes a row of the table meanwhile. Gives another session, to look on from."""
    async with session(url) as holder, session(url) as beside, holder.transaction():
        await holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield beside


async def committing(connection: asyncpg.Connection) -> int:
    """The session that is in the middle of a commit, waiting for a lock."""
    pid: int = await until(lambda: connection.fetchval(WAITING))
    return pid


async def until(question: Callable[[], Awaitable[Any]]) -> Any:
    """The first true answer. Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE_S):
        while not (answer := await question()):  # noqa: ASYNC110 (nobody tells us)
            await asyncio.sleep(0.01)
        return answer


def through(url: str, port: int) -> str:
    """The same database by another way to it."""
    parts = urlsplit(url)
    account = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{account}@127.0.0.1:{port}").geturl()
