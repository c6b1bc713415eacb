"""ActivityRow and the `activity` table: how entries are written, numbered, forgotten and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import Any, Final

from actors.activity_reader import ActivityFilter, ActivityRow
from actors.store import Transaction
from actors.stores.sqlite import bulk
from actors.task_lifecycle import TaskState

_TEXTS: Final = ("repo_id", "worktree_id", "branch", "description")
_COLUMNS: Final = ("change", "task_id", "agent_id", *_TEXTS, "progress", "timestamp", "status")
_CHANGED: Final = (*_TEXTS, "progress", "timestamp", "status")
_SELECT: Final = (
    f"SELECT {','.join(f'activity.{column}' for column in _COLUMNS)}, task.state "
    "FROM activity JOIN task ON task.task_id = activity.task_id"
)
ALL: Final = f"{_SELECT} ORDER BY change"
_KNOWN: Final = frozenset(("agent_id", *_CHANGED))
_FILTERS: Final = ("agent_id", "repo_id", "worktree_id", "task_id")

_insert = bulk.per_row(len(_COLUMNS), f"INSERT OR REPLACE INTO activity ({','.join(_COLUMNS)}) {{values}}")
_update = bulk.per_row(
    2 + len(_CHANGED),
    "UPDATE activity SET change = new.column1, "
    + ", ".join(f"{name} = coalesce(new.column{n}, activity.{name})" for n, name in enumerate(_CHANGED, start=3))
    + " FROM ({values}) AS new WHERE activity.task_id = new.column2",
)
_PURGE: Final = (
    "UPDATE activity SET change = new.column1, branch = '', description = '', progress = NULL, status = 'purged' "
    "FROM ({values}) AS new WHERE activity.task_id = new.column2 AND activity.status = 'ended'"
)
_purge = bulk.per_row(2, _PURGE)
_ended_among = bulk.per_row(1, "SELECT change FROM activity WHERE status = 'ended' AND task_id IN ({values})")
_drop = bulk.per_row(1, "DELETE FROM activity WHERE change IN ({values})")


class ActivityTable:
    """Writes entries within others' transactions, and keeps the `most_ended` newest of ended tasks, or a few more.

    `newest` and `forgotten` are as `ActivityReader` has them, of what has been committed: see `settle`.
    """

    def __init__(self, connection: Connection, most_ended: int) -> None:
        self._most_ended = most_ended
        self._spare = max(100, most_ended // 10)
        self._forgotten: int = connection.execute("SELECT change FROM activity_forgotten").fetchone()[0]
        newest: int | None = connection.execute("SELECT max(change) FROM activity").fetchone()[0]
        self._newest: int = newest or 0
        self._ended = _count_ended(connection)
        self.settle()

    def settle(self) -> None:
        """What was written is committed."""
        self.newest: int = self._newest
        self.forgotten: int = self._forgotten

    def write(self, connection: Connection, work: Transaction) -> None:
        """Write what the transaction changes. Not ours to undo: after a failure, numbers are left out."""
        if work.purged_agents:
            self._purge(connection, _ended_of(connection, work.purged_agents))
        if work.new_entries:
            bulk.change(connection, _insert, [self._new_row(*item) for item in work.new_entries.items()])
        if work.changed_entries:
            bulk.change(connection, _update, [self._changed_row(*item) for item in work.changed_entries.items()])
        if work.purged_entries:
            self._purge(connection, work.purged_entries)
        if self._ended > self._most_ended + self._spare:
            self._forget(connection)

    def _new_row(self, task_id: str, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        row = {"progress": None, **entry, "task_id": task_id, "change": self._next()}
        if set(row) != set(_COLUMNS):
            raise ValueError(f"the new entry of task {task_id} has not the columns {', '.join(_COLUMNS)}")
        self._ended += row["status"] == "ended"
        return tuple(row[column] for column in _COLUMNS)

    def _changed_row(self, task_id: str, columns: Mapping[str, Any]) -> tuple[Any, ...]:
        if not columns.keys() <= _KNOWN:
            raise ValueError(f"the change of the entry of task {task_id} has other columns than {', '.join(_COLUMNS)}")
        self._ended += columns.get("status") == "ended"
        return self._next(), task_id, *(columns.get(column) for column in _CHANGED)

    def _purge(self, connection: Connection, task_ids: Iterable[str]) -> None:
        bulk.change(connection, _purge, [(self._next(), task_id) for task_id in task_ids])

    def _forget(self, connection: Connection) -> None:
        """Drop the oldest rows of ended tasks, many at a time, so that most commits need not."""
        found = connection.execute(
            "SELECT change FROM activity WHERE status <> 'live' ORDER BY change DESC LIMIT 1 OFFSET ?",
            (self._most_ended,),
        ).fetchone()
        if found is not None:
            connection.execute("DELETE FROM activity WHERE change <= ? AND status <> 'live'", found)
            connection.execute("UPDATE activity_forgotten SET change = ?", found)
            self._forgotten = int(found[0])
        self._ended = _count_ended(connection)

    def drop_ended(self, connection: Connection, task_ids: Sequence[tuple[str]]) -> None:
        """Drop the entries of these ended tasks, which are being dropped themselves."""
        newest = [change for (change,) in bulk.select(connection, _ended_among, [t for (t,) in task_ids])]
        if newest:
            bulk.change(connection, _drop, [(change,) for change in newest])
            self._ended -= len(newest)
            self._forgotten = max(self._forgotten, *newest)
            connection.execute("UPDATE activity_forgotten SET change = ?", (self._forgotten,))

    def _next(self) -> int:
        self._newest += 1
        return self._newest


def live(connection: Connection, where: ActivityFilter, after: int, upto: int | None, limit: int) -> list[ActivityRow]:
    """Entries of tasks that have not ended, in order of change."""
    conditions, parameters = _conditions(where, "live")
    conditions += " AND change > ?" + ("" if upto is None else " AND change <= ?")
    bounds = (after,) if upto is None else (after, upto)
    return _read(connection, f"{conditions} ORDER BY change", (*parameters, *bounds, limit))


def ended(connection: Connection, where: ActivityFilter, before: int | None, limit: int) -> list[ActivityRow]:
    """Entries of ended tasks, newest first."""
    conditions, parameters = _conditions(where, "ended")
    conditions += "" if before is None else " AND change < ?"
    bounds = () if before is None else (before,)
    return _read(connection, f"{conditions} ORDER BY change DESC", (*parameters, *bounds, limit))


def changes(connection: Connection, after: int, limit: int) -> list[ActivityRow]:
    """All entries with a higher number, in order of change."""
    return _read(connection, "change > ? ORDER BY change", (after, limit))


def _read(connection: Connection, rest: str, parameters: Sequence[Any]) -> list[ActivityRow]:
    rows = connection.execute(f"{_SELECT} WHERE {rest} LIMIT ?", parameters).fetchall()
    return [read(row) for row in rows]


def read(row: Sequence[Any]) -> ActivityRow:
    """The row that ALL found."""
    values = list(row)
    values[-1] = TaskState(values[-1])
    return ActivityRow(*values)


def _conditions(where: ActivityFilter, status: str) -> tuple[str, list[str]]:
    given = {name: value for name in _FILTERS if (value := getattr(where, name)) is not None}
    return " AND ".join(["status = ?", *(f"activity.{name} = ?" for name in given)]), [status, *given.values()]


def _ended_of(connection: Connection, agents: Sequence[str]) -> list[str]:
    sql = "SELECT task_id FROM activity WHERE status = 'ended' AND agent_id = ? ORDER BY change"
    return [task_id for agent_id in agents for (task_id,) in connection.execute(sql, (agent_id,)).fetchall()]


def _count_ended(connection: Connection) -> int:
    count: int = connection.execute("SELECT count(*) FROM activity WHERE status <> 'live'").fetchone()[0]
    return count
