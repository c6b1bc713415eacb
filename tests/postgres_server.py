"""A PostgreSQL for the tests: `POSTGRES_URL` (a server on which databases may be made and dropped), or one of ours.

`python -m tests.postgres_server` runs one and prints its URL.
"""

from __future__ import annotations

import asyncio
import os
import time
from itertools import count
from urllib.parse import urlsplit

import asyncpg

from actors.stores.postgres.schema import migrate
from actors.stores.postgres.sessions import SCHEMA
from tests.postgres_private import PrivatePostgres
from tests.server_kinds import GivenServer, Kind, Server, obtain_server, run_server

START_TIMEOUT_S = 60.0

_TABLES = (
    "activity", "dead_letter", "inbox", "journal", "member", "mention", "outbox", "payload", "shard", "snapshot",
    "snapshot_piece", "store", "task", "trimmed",
)  # fmt: skip
EMPTY = (
    *(f"DELETE FROM {table}" for table in _TABLES),
    "UPDATE activity_count SET newest = 0, forgotten = 0, ended = 0",
)


class PostgresServer:
    """The server, and databases on it for stores: emptied and used again, since making one takes many times as long."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = count(1)
        self._made: list[str] = []
        self._free: list[str] = []

    def store(self) -> str:
        """The URL of a database in which there is no more than the schema."""
        if not self._free:
            url = self.empty_database()
            asyncio.run(migrate(url))
            return url
        url = self._free.pop()
        self.run("BEGIN", *EMPTY, "COMMIT", url=url)
        return url

    def free(self, url: str) -> None:
        """Nobody uses this store any more."""
        self._free.append(url)

    def empty_database(self) -> str:
        """The URL of a new database, without the schema."""
        name = f"swarmpilot_{os.getpid()}_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        self._made.append(name)
        return urlsplit(self.server.url)._replace(path=f"/{name}").geturl()

    def run(self, *statements: str, url: str = "") -> None:
        """Run statements one after the other."""

        async def run() -> None:
            connection = await asyncpg.connect(url or self.server.url, server_settings={"search_path": SCHEMA})
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    def close(self) -> None:
        """End the server, or leave one that is not ours as it was."""
        if isinstance(self.server, GivenServer):
            self.run(*(f"DROP DATABASE {name} WITH (FORCE)" for name in self._made))
        self.server.close()


def wait_for_postgres(url: str, timeout: float = START_TIMEOUT_S) -> None:
    """Wait until the server answers a query. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while (trouble := asyncio.run(_trouble(url))) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no PostgreSQL answered at {url} within {timeout:.0f} s: {trouble}")
        time.sleep(0.05)


async def _trouble(url: str) -> Exception | None:
    try:
        connection = await asyncpg.connect(url, timeout=5)
        await connection.close()
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        return error
    return None


POSTGRES = Kind(
    variable="POSTGRES_URL",
    scheme="postgresql",
    form="postgresql://user:password@host:port/database",
    port=5432,
    account="postgres",
    path="/postgres",
    image="postgres:17",
    wait=wait_for_postgres,
    private=lambda: PrivatePostgres(wait_for_postgres),
    environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
)


def obtain() -> PostgresServer:
    """The first kind of server that can be had here, started. Raises InstallationNeeded, with what to do."""
    return PostgresServer(obtain_server(POSTGRES))


if __name__ == "__main__":
    run_server(POSTGRES)
