"""What each of our sessions is set to, whatever the server, the database and the role have by default.

It is set once a session is there, not with its first message: a pooler (PgBouncer) takes only a few settings in that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

SCHEMA: Final = "swarmpilot"

_SETTINGS: Final = {
    "search_path": SCHEMA,
    "jit": "off",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",  # who waited for a row or a lock sees what was done meanwhile
    "statement_timeout": "0",  # how long we wait is a setting of ours, and a migration takes what it takes
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "5s",  # a frozen process must not hold what its successor needs
    "idle_session_timeout": "0",  # that of a member is its sign of life
    "transaction_timeout": "0",
}
_SINCE: Final = {"idle_session_timeout": 14, "transaction_timeout": 17}
"""The version that brought a setting, where it is newer than the oldest that we use."""

_SET: Final = "SELECT set_config(name, value, FALSE) FROM unnest($1::text[], $2::text[]) AS given (name, value)"


async def set_up(connection: asyncpg.Connection, more: Mapping[str, str] | None = None) -> None:
    """Set all of these, and `more`, for as long as the session lasts."""
    version = connection.get_server_version().major
    known = {name: value for name, value in _SETTINGS.items() if version >= _SINCE.get(name, 0)} | dict(more or {})
    await connection.execute(_SET, list(known), list(known.values()))
