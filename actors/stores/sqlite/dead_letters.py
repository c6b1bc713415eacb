"""The table of dead letters: kept with every failure, read newest first, gone when a replay has had its effect."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

import msgspec

from actors.dead_letters import DeadLetter, Failure

_KEEP = """
INSERT INTO dead_letter (id, kind, receiver, name, task_id, failed_at, failures, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET failed_at = excluded.failed_at,
    failures = json_insert(failures, '$[#]', json(json_extract(excluded.failures, '$[0]')))
WHERE json_extract(failures, '$[#-1]') <> json_extract(excluded.failures, '$[0]')
"""
_COLUMNS = "id, kind, receiver, name, task_id"


def write(connection: Connection, dead: Sequence[DeadLetter], replayed: Sequence[str]) -> None:
    """Keep these, adding to what is known of them; forget those whose replay has had its effect."""
    for letter in dead:
        failures = msgspec.json.encode([(failure.at, failure.reason) for failure in letter.failures]).decode()
        head = (letter.id, letter.kind, letter.to, letter.name, letter.task_id)
        connection.execute(_KEEP, (*head, letter.failures[-1].at, failures, letter.body))
    for letter_id in replayed:
        connection.execute("DELETE FROM dead_letter WHERE id = ?", (letter_id,))


def newest(connection: Connection, after: str, limit: int) -> list[DeadLetter]:
    """Without their bodies, the last failure first."""
    where = "(failed_at, id) < (SELECT failed_at, id FROM dead_letter WHERE id = ?1)" if after else "?1 = ''"
    query = f"SELECT {_COLUMNS}, x'', failures FROM dead_letter WHERE {where} ORDER BY failed_at DESC, id DESC LIMIT ?2"
    return [_letter(row) for row in connection.execute(query, (after, limit)).fetchall()]


def one(connection: Connection, letter_id: str) -> DeadLetter | None:
    """The whole letter."""
    rows = connection.execute(f"SELECT {_COLUMNS}, body, failures FROM dead_letter WHERE id = ?", (letter_id,))
    found = rows.fetchall()
    return _letter(found[0]) if found else None


def forget(connection: Connection, before: float, most: int) -> int:
    """Drop some of those whose last failure was before this; returns how many."""
    old = "SELECT id FROM dead_letter WHERE failed_at < ? ORDER BY failed_at LIMIT ?"
    return connection.execute(f"DELETE FROM dead_letter WHERE id IN ({old})", (before, most)).rowcount


def _letter(row: Sequence[Any]) -> DeadLetter:
    letter_id, kind, receiver, name, task_id, body, failures = row
    known = msgspec.json.decode(failures, type=list[tuple[float, str]])
    told = tuple(Failure(at, reason) for at, reason in known)
    return DeadLetter(letter_id, kind, receiver, name, task_id, body, told)
