"""The table of dead letters: kept with every failure, read newest first, gone when a replay has had its effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from actors.dead_letters import DeadLetter, Failure
from actors.stores.postgres.texts import text

FORGET_ROWS: Final = 100
"""Dead letters dropped a transaction."""

_KEEP: Final = """
INSERT INTO dead_letter (id, kind, receiver, name, task_id, failed_at, failures, body)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)
ON CONFLICT (id) DO UPDATE SET failed_at = excluded.failed_at, failures = dead_letter.failures || excluded.failures
WHERE dead_letter.failures -> -1 <> excluded.failures -> 0
"""
_COLUMNS: Final = "id, kind, receiver, name, task_id"


async def write(connection: asyncpg.Connection, dead: Sequence[DeadLetter], replayed: Sequence[str]) -> None:
    """Keep these, adding to what is known of them; forget those whose replay has had its effect."""
    for letter in dead:
        failures = msgspec.json.encode([(failure.at, text(failure.reason)) for failure in letter.failures]).decode()
        head = map(text, (letter.id, letter.kind, letter.to, letter.name, letter.task_id))
        await connection.execute(_KEEP, *head, letter.failures[-1].at, failures, letter.body)
    if replayed:
        await connection.execute("DELETE FROM dead_letter WHERE id = ANY ($1::text[])", list(map(text, replayed)))


async def newest(connection: asyncpg.Connection, after: str, limit: int) -> list[DeadLetter]:
    """Without their bodies, the last failure first."""
    where = "(failed_at, id) < (SELECT failed_at, id FROM dead_letter WHERE id = $1)" if after else "$1 = ''"
    columns = f"{_COLUMNS}, ''::bytea, failures::text"
    query = f"SELECT {columns} FROM dead_letter WHERE {where} ORDER BY failed_at DESC, id DESC LIMIT $2"
    return [_letter(row) for row in await connection.fetch(query, text(after), limit)]


async def one(connection: asyncpg.Connection, letter_id: str) -> DeadLetter | None:
    """The whole letter."""
    query = f"SELECT {_COLUMNS}, body, failures::text FROM dead_letter WHERE id = $1"
    row = await connection.fetchrow(query, text(letter_id))
    return None if row is None else _letter(row)


async def forget(connection: asyncpg.Connection, before: float) -> int:
    """Drop some of those whose last failure was before this; returns how many."""
    old = "SELECT id FROM dead_letter WHERE failed_at < $1 ORDER BY failed_at LIMIT $2"
    status = await connection.execute(f"DELETE FROM dead_letter WHERE id IN ({old})", before, FORGET_ROWS)
    return int(status.rpartition(" ")[2])


def _letter(row: Iterable[Any]) -> DeadLetter:
    letter_id, kind, receiver, name, task_id, body, failures = row
    known = msgspec.json.decode(failures, type=list[tuple[float, str]])
    told = tuple(Failure(at, reason) for at, reason in known)
    return DeadLetter(letter_id, kind, receiver, name, task_id, body, told)
