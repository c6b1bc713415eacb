"""Connections to the database: what they are set to, and whether it keeps what it confirms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import structlog

from actors.errors import StoreUnavailable, StoreUnfit
from actors.stores.postgres.faults import unavailable
from actors.stores.postgres.sessions import set_up

log = structlog.get_logger(__name__)

OLDEST: Final = 13
"""The oldest PostgreSQL that has all we use."""

TLS_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
"""Options of the URL that the driver opens, and does not name where it cannot."""

_WRONG_OPTION: Final = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidParameterValueError,
    asyncpg.UndefinedObjectError,
)

NAME: Final = {"application_name": "swarmpilot"}

BY_INDEX: Final = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""Rows are found by keys: plans are made while tables are empty, and kept while they grow."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where it is, and how long it may take to answer (s)."""

    url: str
    timeout_s: float

    @property
    def name(self) -> str:
        """The database for people: without the password."""
        parts = urlsplit(self.url)
        account, at, place = parts.netloc.rpartition("@")
        user, colon, _ = account.partition(":")
        return f"postgresql://{user}{':…' if colon else ''}{at}{place}{parts.path}"

    async def connect(self, settings: dict[str, str] | None = None) -> asyncpg.Connection:
        """A connection of one's own. Raises StoreUnavailable."""
        with unavailable(self.name):
            self._look_for_files()
            try:
                connection = await asyncpg.connect(
                    self.url,
                    timeout=self.timeout_s,
                    command_timeout=self.timeout_s,
                    max_cached_statement_lifetime=0,
                    server_settings=NAME,
                )
            except _WRONG_OPTION as error:
                rule = (
                    "must be postgresql://user:password@host:port/database?… with the driver's options or the server's"
                )
                raise StoreUnfit(f"store: {rule}; got {self.name}: {error}") from error
            try:
                await _set_up(connection, self.name, settings)
            except BaseException:
                connection.terminate()
                raise
        return connection

    def _look_for_files(self) -> None:
        for option, file in parse_qsl(urlsplit(self.url).query):
            if option in TLS_FILES and not Path(file).is_file():
                raise StoreUnfit(f"store: {option} must be a file; got {self.name}: there is none at {file}")

    async def pool(self, size: int) -> asyncpg.Pool:
        """Connections to read by, made when they are needed. Raises StoreUnavailable.

        None is kept up for its own sake: where that fails, asyncpg logs it with a traceback, again and again.
        """
        with unavailable(self.name):
            return await asyncpg.create_pool(
                self.url,
                min_size=0,
                max_size=size,
                timeout=self.timeout_s,
                command_timeout=self.timeout_s,
                max_cached_statement_lifetime=0,
                connection_class=_Reader,
                init=partial(_set_up, name=self.name, settings=BY_INDEX),
                server_settings=NAME,
            )


class _Reader(asyncpg.Connection):
    """Leaves nothing behind, so that giving it back costs no round trip."""

    def get_reset_query(self) -> str:
        return ""


def durability_fault(server: dict[str, str]) -> str | None:
    """Why a server that is set like this does not keep what it confirms; None where it does."""
    if server["fsync"] != "on":
        return "fsync is off: a crash of its machine may lose or break everything; set fsync = on"
    return None


async def _set_up(connection: asyncpg.Connection, name: str, settings: dict[str, str] | None) -> None:
    version = connection.get_server_version().major
    if version < OLDEST:
        raise StoreUnfit(f"{name} is PostgreSQL {version}; {OLDEST} or newer is needed")
    await set_up(connection, settings)
    await _make_durable(connection, name)


async def _make_durable(connection: asyncpg.Connection, name: str) -> None:
    names = ["fsync", "synchronous_commit", "transaction_read_only"]
    asked = "SELECT name, current_setting(name) AS setting FROM unnest($1::text[]) AS name"
    found = await connection.fetch(asked, names)
    server = {row["name"]: row["setting"] for row in found}
    if fault := durability_fault(server):
        raise StoreUnfit(f"{name} would not keep what it confirms: {fault}")
    if server["transaction_read_only"] == "on":
        raise StoreUnavailable(f"{name} is read-only: it is a standby, or set so; name the primary")
    if server["synchronous_commit"] == "off":
        await connection.execute("SET synchronous_commit = on")
