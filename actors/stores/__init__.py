"""Stores by URL: the one place that knows which implementations there are."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from actors.record_reader import RecordReader
from actors.store import WholeStore

FORMS = (
    "sqlite:///relative.db, sqlite:////absolute/path.db, sqlite:// for memory, or "
    "postgresql://user:password@host:port/database"
)


def open_store(
    url: str, *, activity_history: int = 10_000, connections: int = 4, timeout_s: float = 10.0
) -> WholeStore:
    """The store that `url` names, constructed and not yet opened. Raises ValueError naming the accepted forms.

    `activity_history`: how many entries of ended tasks it keeps. `connections` to read by, at most, and `timeout_s`,
    how long an answer may take, matter for PostgreSQL alone.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        return _postgres(rest, activity_history, connections, timeout_s)
    if not separator or scheme != "sqlite":
        raise ValueError(f"{_shown(url)!r} names no store; accepted are {FORMS}")
    from actors.stores.sqlite import SqliteStore

    if rest == "":
        return SqliteStore(None, activity_history=activity_history)
    if not rest.startswith("/"):
        raise ValueError(f"{_shown(url)!r} names a host, which SQLite has not; accepted are {FORMS}")
    if rest == "/" or rest.endswith("/"):
        raise ValueError(f"{url!r} names no file; accepted are {FORMS}")
    return SqliteStore(Path(rest[1:]), activity_history=activity_history)


def open_record(url: str) -> RecordReader:
    """The whole record of the store that `url` names, constructed and not yet opened. Raises ValueError."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        from actors.stores.postgres import PostgresRecord

        return PostgresRecord(_database(rest))
    if not separator or scheme != "sqlite" or not rest.startswith("/") or rest.endswith("/"):
        raise ValueError(f"{_shown(url)!r} names no store that others can read; accepted are {FORMS}")
    from actors.stores.sqlite import SqliteRecord

    return SqliteRecord(Path(rest[1:]))


def is_shareable(url: str) -> bool:
    """Whether several processes can use the store that `url` names."""
    return url.partition("://")[0] in ("postgresql", "postgres")


def _postgres(rest: str, activity_history: int, connections: int, timeout_s: float) -> WholeStore:
    url = _database(rest)
    from actors.stores.postgres import PostgresStore

    return PostgresStore(url, activity_history=activity_history, connections=connections, timeout_s=timeout_s)


def _database(rest: str) -> str:
    url = f"postgresql://{rest}"
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and len(parts.path) > 1 and parts.port != 0
    except ValueError:
        has_place = False
    if not has_place:
        raise ValueError(f"{_shown(url)} names no database on a host; accepted are {FORMS}")
    return parts.geturl()


def _shown(url: str) -> str:
    """For people: without all that may be a name or a password, however badly it is written."""
    return re.sub(r"^([^:/@]*://)?.*@", r"\1…@", url, flags=re.DOTALL).partition("?")[0]
