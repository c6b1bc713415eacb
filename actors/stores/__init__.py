"""Stores by URL: the one place that knows which implementations there are."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

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
        raise ValueError(f"{url!r} names no store; accepted are {FORMS}")
    from actors.stores.sqlite import SqliteStore

    if rest == "":
        return SqliteStore(None, activity_history=activity_history)
    if not rest.startswith("/"):
        raise ValueError(f"{url!r} names a host, which SQLite has not; accepted are {FORMS}")
    if rest == "/" or rest.endswith("/"):
        raise ValueError(f"{url!r} names no file; accepted are {FORMS}")
    return SqliteStore(Path(rest[1:]), activity_history=activity_history)


def is_shareable(url: str) -> bool:
    """Whether several processes can use the store that `url` names."""
    return url.partition("://")[0] in ("postgresql", "postgres")


def _postgres(rest: str, activity_history: int, connections: int, timeout_s: float) -> WholeStore:
    parts = urlsplit(f"postgresql://{rest}")
    shown = f"postgresql://…@{parts.netloc.rpartition('@')[2]}{parts.path}"  # without the password
    try:
        has_place = bool(parts.hostname) and len(parts.path) > 1 and parts.port != 0
    except ValueError:
        has_place = False
    if not has_place:
        raise ValueError(f"{shown} names no database on a host; accepted are {FORMS}")
    from actors.stores.postgres import PostgresStore

    return PostgresStore(
        parts.geturl(), activity_history=activity_history, connections=connections, timeout_s=timeout_s
    )
