"""What can be asked of the store, as functions of a connection. Each reads all it returns before it returns, because
a statement left open keeps the log from being emptied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from sqlite3 import Connection

from actors.store import JournalEntry, OutboxRow, Payload, TaskRow
from actors.stores import batches
from actors.stores.sqlite import bulk, task_table
from actors.stores.task_columns import COLUMNS
from actors.task_lifecycle import TaskState

JOURNAL_ROWS = 64
"""Journal rows (batches of entries) read at a time."""

NAMESAKES = 100
"""Tasks with the same remote id that are looked at."""

_INPUTS = bulk.per_row(
    1,
    f"SELECT {','.join(f'task.{column}' for column in COLUMNS)}, body, content_type, payload.metadata "
    "FROM task JOIN payload ON payload.task_id = task.task_id AND part = 'input' WHERE task.task_id IN ({values})",
)
_KNOWN = bulk.per_row(1, "SELECT task_id, digest, scheduled_ti FROM task WHERE task_id IN ({values})")


def task(connection: Connection, task_id: str) -> TaskRow | None:
    """The task under our id, else the newest one that its instance gave this id."""
    rows = connection.execute(f"{task_table.SELECT} WHERE task_id = ?", (task_id,)).fetchall()
    if not rows and task_id:
        by_remote_id = f"{task_table.SELECT} WHERE remote_id = ? AND remote_id <> '' ORDER BY pos DESC LIMIT 1"
        rows = connection.execute(by_remote_id, (task_id,)).fetchall()
    return task_table.read(rows[0]) if rows else None


def tasks_by_remote_id(connection: Connection, remote_id: str) -> list[TaskRow]:
    """The tasks that instances gave this id: the live ones, oldest first, then the ended ones, newest first."""
    order = f"CASE WHEN {task_table.IS_LIVE} THEN pos ELSE 9223372036854775807 - pos END"
    rows = connection.execute(
        f"{task_table.SELECT} WHERE remote_id = ? AND remote_id <> '' ORDER BY {order} LIMIT ?",
        (remote_id, NAMESAKES),
    ).fetchall()
    return [task_table.read(row) for row in rows]


def newest_tasks(
    connection: Connection, agent_id: str | None, states: Collection[TaskState] | None, limit: int
) -> list[TaskRow]:
    """The newest tasks first, of this agent and in these states where given."""
    conditions, parameters = ["TRUE"], list[str | int]()
    if agent_id is not None:
        conditions.append("agent_id = ?")
        parameters.append(agent_id)
    if states is not None:
        conditions.append(f"state IN ({','.join('?' * len(states))})")
        parameters += [str(state) for state in states]
    where = " AND ".join(conditions)
    found = connection.execute(f"{task_table.SELECT} WHERE {where} ORDER BY pos DESC LIMIT ?", (*parameters, limit))
    return [task_table.read(row) for row in found.fetchall()]


def count_by_state(connection: Connection) -> dict[TaskState, int]:
    """How many tasks are in each state; states without tasks are left out."""
    counts = connection.execute("SELECT state, count(*) FROM task GROUP BY state").fetchall()
    return {TaskState(state): count for state, count in counts}


def payload(connection: Connection, task_id: str, part: str) -> Payload | None:
    """A stored payload."""
    query = "SELECT body, content_type, metadata FROM payload WHERE task_id = ? AND part = ?"
    rows = connection.execute(query, (task_id, part)).fetchall()
    return Payload(*rows[0]) if rows else None


def inputs(connection: Connection, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
    """The tasks under these ids with their inputs."""
    rows = bulk.select(connection, _INPUTS, task_ids)
    width = len(COLUMNS)
    return {row[0]: (task_table.read(row[:width]), Payload(*row[width:])) for row in rows}


def known(connection: Connection, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Digest and instance of each of these ids that names a task."""
    return {task_id: (digest, ti) for task_id, digest, ti in bulk.select(connection, _KNOWN, task_ids)}


def shards(connection: Connection) -> frozenset[str]:
    """Every shard that has had an owner."""
    return frozenset(shard for (shard,) in connection.execute("SELECT id FROM shard"))


def story(connection: Connection, task_id: str) -> list[JournalEntry]:
    """Every entry about a task, in the order of writing: finds the transactions that may mention it, and looks."""
    spans = connection.execute(
        "SELECT first, last FROM mention WHERE instr(tasks, ?) ORDER BY first", (batches.hashes([task_id]),)
    ).fetchall()
    entries: list[JournalEntry] = []
    for span in spans if task_id else ():
        rows = connection.execute(
            "SELECT shard, first, entries FROM journal WHERE pos BETWEEN ? AND ? ORDER BY pos", span
        )
        found = (entry for batch in rows.fetchall() for entry in batches.unpack(*batch) if entry.task_id == task_id)
        entries += sorted(found, key=lambda entry: entry.at)
    return entries


def journal(connection: Connection, shard: str, after: int) -> list[JournalEntry]:
    """The next entries of the shard with seq > after; empty where there are none."""
    rows = connection.execute(
        "SELECT shard, first, entries FROM journal WHERE shard = ? AND last > ? ORDER BY last LIMIT ?",
        (shard, after, JOURNAL_ROWS),
    ).fetchall()
    return [entry for batch in rows for entry in batches.unpack(*batch) if entry.seq > after]


def outbox(connection: Connection, shards: Collection[str]) -> list[OutboxRow]:
    """What these shards have not sent, in the order of writing."""
    rows = connection.execute("SELECT id, shard, body FROM outbox ORDER BY pos").fetchall()
    return [OutboxRow(*row) for row in rows if row[1] in shards]
