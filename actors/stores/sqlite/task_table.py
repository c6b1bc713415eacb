"""TaskRow and the `task` table: how rows are written, changed and read back.

A change of state or instance never overwrites those of a task that has ended. The guard is spelled with `<>` because
SQLite builds a temporary index for every `IN` list, which costs more than the whole update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from operator import itemgetter
from sqlite3 import Connection, IntegrityError
from typing import Any

from actors.store import SETTLED_AT_THE_END, TaskRow
from actors.stores.sqlite import bulk
from actors.task_lifecycle import TERMINAL, TaskState

COLUMNS = tuple(field.name for field in fields(TaskRow))
DEFAULTS = {field.name: field.default for field in fields(TaskRow) if field.default is not MISSING}
IS_LIVE = " AND ".join(f"task.state <> '{state}'" for state in sorted(TERMINAL))
SELECT = f"SELECT {','.join(COLUMNS)} FROM task"

Columns = Mapping[str, Any]

_insert = bulk.insert("task", *COLUMNS)
_in_order = itemgetter(*COLUMNS)
_state = COLUMNS.index("state")


def write(connection: Connection, new: Mapping[str, Columns], changed: Mapping[str, Columns]) -> None:
    """Insert the new rows and apply the changes, a change of a new row included.

    Raises ValueError for columns that TaskRow has not or needs, and for a new row that exists.
    """
    rows = [_complete(task_id, _merged(row, changed.get(task_id))) for task_id, row in new.items()]
    try:
        bulk.change(connection, _insert, rows)
    except IntegrityError as error:
        raise ValueError(f"a new task row is incomplete or exists already: {error}") from error
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for task_id, change in changed.items():
        if change and task_id not in new:
            groups.setdefault(tuple(change), []).append((task_id, *_plain(change).values()))
    for columns, parameters in groups.items():
        bulk.change(connection, _update(columns), parameters)


def read(row: Sequence[Any]) -> TaskRow:
    """The row that SELECT found."""
    values = list(row)
    values[_state] = TaskState(values[_state])
    return TaskRow(*values)


def _merged(row: Columns, change: Columns | None) -> Columns:
    if change is None or (row.get("state") in TERMINAL and not SETTLED_AT_THE_END.isdisjoint(change)):
        return row
    return {**row, **change}


def _complete(task_id: str, row: Columns) -> tuple[Any, ...]:
    whole = {**DEFAULTS, **_plain(row), "task_id": task_id}
    if len(whole) != len(COLUMNS):
        _must_be_columns(tuple(row))
        raise ValueError(f"the new row of task {task_id} lacks {', '.join(set(COLUMNS) - set(whole))}")
    parameters: tuple[Any, ...] = _in_order(whole)
    return parameters


def _plain(row: Columns) -> Columns:
    """The state as plain text: the driver is slow with subclasses of str."""
    return {**row, "state": str(row["state"])} if "state" in row else row


@cache
def _must_be_columns(names: tuple[str, ...]) -> None:
    if unknown := [name for name in names if name not in COLUMNS]:
        raise ValueError(f"a task row has no column {', '.join(unknown)}; it has {', '.join(COLUMNS)}")


@cache
def _update(columns: tuple[str, ...]) -> bulk.Statement:
    _must_be_columns(columns)
    if "task_id" in columns:
        raise ValueError("a task row never changes its task_id")
    assignments = ", ".join(f"{column} = new.column{n}" for n, column in enumerate(columns, start=2))
    guard = "" if SETTLED_AT_THE_END.isdisjoint(columns) else f" AND {IS_LIVE}"
    return bulk.per_row(
        1 + len(columns), f"UPDATE task SET {assignments} FROM ({{values}}) AS new WHERE task_id = new.column1{guard}"
    )
