"""Connections to a store file: durability, sizes, and the schema they find or make."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from actors.errors import StoreUnavailable

APPLICATION_ID = 0x53574D50
"""Marks the file as ours ("SWMP"), for `file` and against opening a stranger's database."""

MIGRATIONS = ("schema.sql", "activity.sql", "epochs.sql", "retention.sql")
"""Scripts that take a file from schema version n to n + 1; the version is `PRAGMA user_version`."""

PAGE_BYTES = 4096
BUSY_TIMEOUT_S = 5.0

Durability = Literal["FULL", "OFF"]


@contextmanager
def unavailable(path: Path) -> Iterator[None]:
    """Turns what the disk and SQLite complain of (full, locked, broken) into StoreUnavailable; our own mistakes
    stay what they are."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError):
        raise
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}") from error


def writer(path: Path, durability: Durability) -> sqlite3.Connection:
    """The one connection that writes, with the schema up to date."""
    connection = _connect(path)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {durability}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA cache_size = -65536")
    _migrate(connection, path)
    return connection


def reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Each statement sees all that was committed before it began."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def record_reader(path: Path) -> sqlite3.Connection:
    """A connection that reads and leaves no trace, whoever else uses the file."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def checkpointer(path: Path, durability: Durability) -> sqlite3.Connection:
    """A connection that moves what the log holds into the database file."""
    connection = _connect(path)
    connection.execute(f"PRAGMA synchronous = {durability}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=512
    )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreUnavailable(
            f"{path} has schema version {version} and this program knows {len(MIGRATIONS)}: it was written by a "
            "newer version; use that one, or another store"
        )
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreUnavailable(f"{path} is an SQLite database of something else; use another file")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        sql = Path(__file__).with_name(script).read_text()
        connection.executescript(
            f"BEGIN IMMEDIATE; {sql} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
        )
