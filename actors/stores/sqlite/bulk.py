"""Many rows in one statement.

Each step of a statement gives up the interpreter lock and has to win it back from the event loop, up to 5 ms
later; with one statement a row, a commit of a thousand rows would starve while the loop is busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from sqlite3 import Connection
from typing import Any, TypeAlias

SIZES = (64, 8, 1)
"""Rows a statement: few sizes, so that every statement is prepared once and stays in the driver's cache."""

Row: TypeAlias = Sequence[Any]
Statement: TypeAlias = Callable[[int], str]
"""The SQL for this many rows of parameters."""


def change(connection: Connection, statement: Statement, rows: Sequence[Row]) -> int:
    """Run a statement that writes over all rows; returns how many rows of the table it changed."""
    return sum(
        connection.execute(statement(len(part)), tuple(chain.from_iterable(part))).rowcount for part in _parts(rows)
    )


def select(connection: Connection, statement: Statement, keys: Sequence[str]) -> list[Any]:
    """Run a query over all keys; returns the rows it found, in no order."""
    found: list[Any] = []
    for part in _parts(keys):
        found += connection.execute(statement(len(part)), part).fetchall()
    return found


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def values(columns: int, rows: int) -> str:
    """`VALUES (?, ...), ...`."""
    row = f"({','.join('?' * columns)})"
    return f"VALUES {','.join([row] * rows)}"


def per_row(columns: int, sql: str) -> Statement:
    """The statement `sql`, with `{values}` for its rows of `columns` parameters."""

    @cache
    def statement(rows: int) -> str:
        return sql.replace("{values}", values(columns, rows))

    return statement


def insert(table: str, *columns: str, otherwise: str = "") -> Statement:
    """INSERT of whole rows; `otherwise` is the ON CONFLICT clause."""
    return per_row(len(columns), f"INSERT INTO {table} ({','.join(columns)}) {{values}} {otherwise}")
