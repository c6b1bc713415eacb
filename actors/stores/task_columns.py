"""The columns of a task row, and what may be said of them in a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from operator import itemgetter
from typing import Any

from actors.store import SETTLED_AT_THE_END, TaskRow
from actors.task_lifecycle import TERMINAL

COLUMNS = tuple(field.name for field in fields(TaskRow))
DEFAULTS = {field.name: field.default for field in fields(TaskRow) if field.default is not MISSING}

Columns = Mapping[str, Any]

_in_order = itemgetter(*COLUMNS)


def merged(row: Columns, change: Columns | None) -> Columns:
    """A new row as the change leaves it, which never overwrites what is settled at the end."""
    if change is None or (row.get("state") in TERMINAL and not SETTLED_AT_THE_END.isdisjoint(change)):
        return row
    return {**row, **change}


def complete(task_id: str, row: Columns) -> tuple[Any, ...]:
    """All columns of a new row, in the order of COLUMNS. Raises ValueError for too few and for unknown ones."""
    whole = {**DEFAULTS, **plain(row), "task_id": task_id}
    if len(whole) != len(COLUMNS):
        _must_be_columns(tuple(row))
        raise ValueError(f"the new row of task {task_id} lacks {', '.join(set(COLUMNS) - set(whole))}")
    parameters: tuple[Any, ...] = _in_order(whole)
    return parameters


def plain(row: Columns) -> Columns:
    """The state as plain text: the driver is slow with subclasses of str."""
    return {**row, "state": str(row["state"])} if "state" in row else row


@cache
def _must_be_columns(names: tuple[str, ...]) -> None:
    if unknown := [name for name in names if name not in COLUMNS]:
        raise ValueError(f"a task row has no column {', '.join(unknown)}; it has {', '.join(COLUMNS)}")


@cache
def must_be_changeable(names: tuple[str, ...]) -> None:
    """Raises ValueError where a row never changes these."""
    _must_be_columns(names)
    if "task_id" in names:
        raise ValueError("a task row never changes its task_id")
