"""A PostgreSQL for the tests, the benchmark and whoever wants to try one, always: found, started or installed.

`POSTGRES_URL` if it is set (a server on which databases may be made and dropped); else a container where a Docker
engine answers; else a private server on a free loopback port, installed with apt where we may; else an error that says
what to install. `python -m tests.postgres_server` runs one and prints its URL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg

from actors.stores.postgres.schema import SCHEMA, migrate
from tests.debian_packages import InstallationNeeded
from tests.postgres_private import PrivatePostgres
from tests.rabbit_server import docker_answers, free_port
from tests.tcp_gate import TcpGate

CONTAINER_IMAGE = "postgres:17"
START_TIMEOUT_S = 60.0

_TABLES = (
    "activity", "inbox", "journal", "mention", "outbox", "payload", "shard", "snapshot", "snapshot_piece", "store",
    "task", "member",
)  # fmt: skip
EMPTY = (
    *(f"DELETE FROM {table}" for table in _TABLES),
    "UPDATE activity_count SET newest = 0, forgotten = 0, ended = 0",
)


class Server(Protocol):
    """A database server that a test may stop and start again: same URL, same data."""

    @property
    def url(self) -> str:
        """Where it listens, with a database to begin from: postgresql://user@host:port/postgres."""

    def start(self) -> None:
        """Start, or start again on the same data; returns once it answers."""

    def stop(self) -> None:
        """Stop in good order, keeping the data."""

    def kill(self) -> None:
        """Stop as kill -9 would, keeping the data."""

    def close(self) -> None:
        """Stop and remove everything that was made for it."""


class GivenPostgres:
    """The server of `POSTGRES_URL`. It is not ours to stop, so an outage cuts every connection on the way to it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "postgresql" or not parts.hostname:
            raise ValueError(
                f"POSTGRES_URL: must be postgresql://user:password@host:port/database, got {parts.scheme}://…"
            )
        self._gate = TcpGate(parts.hostname, parts.port or 5432)
        account = parts.netloc.rpartition("@")[0] or "postgres"
        self._url = parts._replace(netloc=f"{account}@127.0.0.1:{self._gate.port}").geturl()

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> None:
        self._gate.open()
        wait_for_postgres(self._url)

    def stop(self) -> None:
        self._gate.shut()

    def kill(self) -> None:
        self._gate.shut()

    def close(self) -> None:
        self._gate.shut()


class ContainerPostgres:
    """PostgreSQL in a container, on a host port that stays the same when it is stopped and started."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        self._port = free_port()
        made = DockerContainer(CONTAINER_IMAGE).with_bind_ports(5432, self._port)
        self._container = made.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        self._created = False

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        wait_for_postgres(self.url)

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=30)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        if self._created:
            self._container.stop()


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
        if isinstance(self.server, GivenPostgres):
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


def obtain() -> PostgresServer:
    """The first kind of server that can be had here, started. Raises InstallationNeeded, with what to do."""
    if url := os.environ.get("POSTGRES_URL"):
        return PostgresServer(_started(GivenPostgres(url)))
    trouble = ""
    if docker_answers():
        try:
            return PostgresServer(_started(ContainerPostgres()))
        except Exception as error:  # no image, no network: a private server may still be had
            trouble = f"Docker answers, but {CONTAINER_IMAGE} could not be started ({error}). "
    try:
        return PostgresServer(_started(PrivatePostgres(free_port, wait_for_postgres)))
    except InstallationNeeded as error:
        raise InstallationNeeded(trouble + str(error)) from None


def _started(server: Server) -> Server:
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def main(announce: Callable[[str], object] = sys.stdout.write) -> None:
    """Run a server in the foreground until SIGINT or SIGTERM."""
    stopped = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopped.set())
    postgres = obtain()
    try:
        announce(f"{postgres.server.url}\n")
        sys.stdout.flush()
        stopped.wait()
    finally:
        postgres.close()


if __name__ == "__main__":
    main()
