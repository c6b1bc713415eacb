"""Stores by URL: the one place that knows which implementations there are."""

from __future__ import annotations

from pathlib import Path

from actors.record_reader import RecordReader
from actors.store import WholeStore
from actors.stores.sqlite import SqliteRecord, SqliteStore

FORMS = "sqlite:///relative.db, sqlite:////absolute/path.db, or sqlite:// for memory"


def open_store(url: str, *, activity_history: int = 10_000) -> WholeStore:
    """The store that `url` names, constructed and not yet opened. Raises ValueError naming the accepted forms.

    `activity_history`: how many entries of ended tasks it keeps.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        raise ValueError(f"PostgreSQL is not supported by this version; accepted are {FORMS}")
    if not separator or scheme != "sqlite":
        raise ValueError(f"{url!r} names no store; accepted are {FORMS}")
    if rest == "":
        return SqliteStore(None, activity_history=activity_history)
    if not rest.startswith("/"):
        raise ValueError(f"{url!r} names a host, which SQLite has not; accepted are {FORMS}")
    if rest == "/" or rest.endswith("/"):
        raise ValueError(f"{url!r} names no file; accepted are {FORMS}")
    return SqliteStore(Path(rest[1:]), activity_history=activity_history)


def open_record(url: str) -> RecordReader:
    """The whole record of the store that `url` names, constructed and not yet opened. Raises ValueError."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme != "sqlite" or not rest.startswith("/") or rest.endswith("/"):
        raise ValueError(
            f"{url!r} names no store that can be read from outside; accepted are {FORMS.rpartition(', or')[0]}"
        )
    return SqliteRecord(Path(rest[1:]))
