"""TaskRow and the `task` table: how rows are written, changed and read back.

A change of state or instance never overwrites those of a task that has ended. The guard is spelled with `<>` because
SQLite builds a temporary index for every `IN` list, which costs more than the whole update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from sqlite3 import Connection, IntegrityError
from typing import Any

from actors.store import SETTLED_AT_THE_END, TaskRow
from actors.stores.sqlite import bulk
from actors.stores.task_columns import COLUMNS, Columns, complete, merged, must_be_changeable, plain
from actors.task_lifecycle import TERMINAL, TaskState

IS_LIVE = " AND ".join(f"task.state <> '{state}'" for state in sorted(TERMINAL))
SELECT = f"SELECT {','.join(COLUMNS)} FROM task"

_insert = bulk.insert("task", *COLUMNS)
_state = COLUMNS.index("state")


def write(connection: Connection, new: Mapping[str, Columns], changed: Mapping[str, Columns]) -> None:
    """Insert the new rows and apply the changes, a change of a new row included.

    Raises ValueError for columns that TaskRow has not or needs, and for a new row that exists.
    """
    rows = [complete(task_id, merged(row, changed.get(task_id))) for task_id, row in new.items()]
    try:
        bulk.change(connection, _insert, rows)
    except IntegrityError as error:
        raise ValueError(f"a new task row is incomplete or exists already: {error}") from error
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for task_id, change in changed.items():
        if change and task_id not in new:
            groups.setdefault(tuple(change), []).append((task_id, *plain(change).values()))
    for columns, parameters in groups.items():
        bulk.change(connection, _update(columns), parameters)


def read(row: Sequence[Any]) -> TaskRow:
    """The row that SELECT found."""
    values = list(row)
    values[_state] = TaskState(values[_state])
    return TaskRow(*values)


@cache
def _update(columns: tuple[str, ...]) -> bulk.Statement:
    must_be_changeable(columns)
    assignments = ", ".join(f"{column} = new.column{n}" for n, column in enumerate(columns, start=2))
    guard = "" if SETTLED_AT_THE_END.isdisjoint(columns) else f" AND {IS_LIVE}"
    return bulk.per_row(
        1 + len(columns), f"UPDATE task SET {assignments} FROM ({{values}}) AS new WHERE task_id = new.column1{guard}"
    )
