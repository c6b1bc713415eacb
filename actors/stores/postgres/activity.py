"""ActivityRow and the `activity` table: how entries are read, with the numbers that they were read at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from actors.activity_reader import ActivityFilter, ActivityRow
from actors.stores.postgres.commit import text
from actors.task_lifecycle import TaskState

_COLUMNS: Final = (
    "change", "task_id", "agent_id", "repo_id", "worktree_id", "branch", "description", "progress", "timestamp",
    "status",
)  # fmt: skip
_SELECT: Final = (
    f"SELECT {','.join(f'activity.{column}' for column in _COLUMNS)}, task.state "
    "FROM activity JOIN task ON task.task_id = activity.task_id"
)
_FILTERS: Final = ("agent_id", "repo_id", "worktree_id", "task_id")


async def live(
    connection: asyncpg.Connection, where: ActivityFilter, after: int, upto: int | None, limit: int
) -> list[ActivityRow]:
    """Entries of tasks that have not ended, in order of change."""
    conditions, parameters = _conditions(where, "live")
    parameters += [after, (1 << 63) - 1 if upto is None else upto, limit]
    n = len(parameters)
    bounds = f"change > ${n - 2} AND change <= ${n - 1} ORDER BY change LIMIT ${n}"
    rows = await connection.fetch(f"{_SELECT} WHERE {conditions} AND {bounds}", *parameters)
    return [_row(row) for row in rows]


async def ended(
    connection: asyncpg.Connection, where: ActivityFilter, before: int | None, limit: int
) -> list[ActivityRow]:
    """Entries of ended tasks, newest first."""
    conditions, parameters = _conditions(where, "ended")
    parameters += [(1 << 63) - 1 if before is None else before, limit]
    n = len(parameters)
    bounds = f"change < ${n - 1} ORDER BY change DESC LIMIT ${n}"
    rows = await connection.fetch(f"{_SELECT} WHERE {conditions} AND {bounds}", *parameters)
    return [_row(row) for row in rows]


async def changes(connection: asyncpg.Connection, after: int, limit: int) -> tuple[list[ActivityRow], tuple[int, int]]:
    """All entries with a higher number, in order of change; and the newest number, and the newest forgotten one, of
    the same moment."""
    page = f"({_SELECT} WHERE change > $1 ORDER BY change LIMIT $2) AS page"
    rows = await connection.fetch(
        f"SELECT newest, forgotten, page.* FROM activity_count LEFT JOIN {page} ON TRUE ORDER BY change", after, limit
    )
    entries = [_row(row[2:]) for row in map(tuple, rows) if row[2] is not None]
    return entries, (rows[0][0], rows[0][1])


async def counted(connection: asyncpg.Connection) -> tuple[int, int]:
    """The number of the newest change, and the one up to which changes may have been forgotten."""
    [(newest, forgotten)] = await connection.fetch("SELECT newest, forgotten FROM activity_count")
    return newest, forgotten


def _row(row: Iterable[Any]) -> ActivityRow:
    values = list(row)
    values[-1] = TaskState(values[-1])
    return ActivityRow(*values)


def _conditions(where: ActivityFilter, status: str) -> tuple[str, list[Any]]:
    given = {name: value for name in _FILTERS if (value := getattr(where, name)) is not None}
    tests = ["status = $1", *(f"activity.{name} = ${n}" for n, name in enumerate(given, start=2))]
    return " AND ".join(tests), [status, *map(text, given.values())]
