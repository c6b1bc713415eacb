"""What can be asked of the store, as functions of a connection: one statement each, and so one moment each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import asyncpg

from actors.store import JournalEntry, OutboxRow, Payload, TaskRow
from actors.stores import batches
from actors.stores.postgres.commit import task_hash, text
from actors.stores.task_columns import COLUMNS
from actors.task_lifecycle import TERMINAL, TaskState

JOURNAL_ROWS: Final = 128
"""Journal rows (batches of entries) read at a time."""

NAMESAKES: Final = 100
"""Tasks with the same remote id that are looked at."""

_TASK: Final = ",".join(f"task.{column}" for column in COLUMNS)
_STATE: Final = COLUMNS.index("state")
_LIVE: Final = "state NOT IN ({})".format(",".join(f"'{state}'" for state in sorted(TERMINAL)))


async def task(connection: asyncpg.Connection, task_id: str) -> TaskRow | None:
    """The task under our id, else the newest one that its instance gave this id."""
    row = await connection.fetchrow(f"SELECT {_TASK} FROM task WHERE task_id = $1", text(task_id))
    if row is None and task_id:
        by_remote_id = f"SELECT {_TASK} FROM task WHERE remote_id = $1 AND remote_id <> '' ORDER BY pos DESC LIMIT 1"
        row = await connection.fetchrow(by_remote_id, text(task_id))
    return None if row is None else _task(row)


async def tasks_by_remote_id(connection: asyncpg.Connection, remote_id: str) -> list[TaskRow]:
    """The tasks that instances gave this id: the live ones, oldest first, then the ended ones, newest first."""
    order = f"CASE WHEN {_LIVE} THEN pos ELSE 9223372036854775807 - pos END"
    rows = await connection.fetch(
        f"SELECT {_TASK} FROM task WHERE remote_id = $1 AND remote_id <> '' ORDER BY {order} LIMIT $2",
        text(remote_id),
        NAMESAKES,
    )
    return [_task(row) for row in rows]


async def newest_tasks(
    connection: asyncpg.Connection, agent_id: str | None, states: Collection[TaskState] | None, limit: int
) -> list[TaskRow]:
    """The newest tasks first, of this agent and in these states where given."""
    conditions, parameters = ["TRUE"], list[Any]()
    if agent_id is not None:
        parameters.append(text(agent_id))
        conditions.append(f"agent_id = ${len(parameters)}")
    if states is not None:
        parameters.append([str(state) for state in states])
        conditions.append(f"state = ANY (${len(parameters)}::text[])")
    query = f"SELECT {_TASK} FROM task WHERE {' AND '.join(conditions)} ORDER BY pos DESC LIMIT ${len(parameters) + 1}"
    return [_task(row) for row in await connection.fetch(query, *parameters, limit)]


async def count_by_state(connection: asyncpg.Connection) -> dict[TaskState, int]:
    """How many tasks are in each state; states without tasks are left out."""
    rows = await connection.fetch("SELECT state, count(*) FROM task GROUP BY state")
    return {TaskState(state): count for state, count in rows}


async def payload(connection: asyncpg.Connection, task_id: str, part: str) -> Payload | None:
    """A stored payload."""
    query = "SELECT body, content_type, metadata FROM payload WHERE task_id = $1 AND part = $2"
    row = await connection.fetchrow(query, text(task_id), part)
    return None if row is None else Payload(*row)


async def inputs(connection: asyncpg.Connection, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
    """The tasks under these ids with their inputs."""
    rows = await connection.fetch(
        f"SELECT {_TASK}, body, content_type, payload.metadata FROM task JOIN payload USING (task_id) "
        "WHERE part = 'input' AND task_id = ANY ($1::text[])",
        list(map(text, task_ids)),
    )
    width = len(COLUMNS)
    return {row[0]: (_task(row[:width]), Payload(*row[width:])) for row in map(tuple, rows)}


async def known(connection: asyncpg.Connection, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Digest and instance of each of these ids that names a task."""
    query = "SELECT task_id, digest, scheduled_ti FROM task WHERE task_id = ANY ($1::text[])"
    rows = await connection.fetch(query, list(map(text, task_ids)))
    return {task_id: (digest, ti) for task_id, digest, ti in rows}


async def received(connection: asyncpg.Connection, ids: Collection[str]) -> set[str]:
    """Which of these ids are in the inbox."""
    asked = {text(id_): id_ for id_ in ids}
    rows = await connection.fetch("SELECT id FROM inbox WHERE id = ANY ($1::text[])", list(asked))
    return {asked[id_] for (id_,) in rows}


async def shards(connection: asyncpg.Connection) -> frozenset[str]:
    """Every shard that has had an owner."""
    return frozenset(shard for (shard,) in await connection.fetch("SELECT id FROM shard"))


async def story(connection: asyncpg.Connection, task_id: str) -> list[JournalEntry]:
    """Every entry about a task, in the order of writing: finds the turns that may mention it, and looks."""
    if not task_id:
        return []
    rows = await connection.fetch(
        "SELECT turn, shard, first, entries FROM mention JOIN journal USING (turn) WHERE $1 = ANY (tasks)",
        task_hash(task_id),
    )
    found = [
        (turn, entry)
        for turn, shard, first, entries in rows
        for entry in batches.unpack(shard, first, entries)
        if entry.task_id == task_id
    ]
    return [entry for _, entry in sorted(found, key=lambda each: (each[0], each[1].at))]


async def journal(connection: asyncpg.Connection, shard: str, after: int) -> list[JournalEntry]:
    """The next entries of the shard with seq > after; empty where there are none."""
    rows = await connection.fetch(
        "SELECT first, entries FROM journal WHERE shard = $1 AND last > $2 ORDER BY last LIMIT $3",
        shard,
        after,
        JOURNAL_ROWS,
    )
    return [entry for first, entries in rows for entry in batches.unpack(shard, first, entries) if entry.seq > after]


async def outbox(connection: asyncpg.Connection, shards: Collection[str]) -> list[OutboxRow]:
    """What these shards have not sent, in the order of writing."""
    query = "SELECT id, shard, body FROM outbox WHERE shard = ANY ($1::text[]) ORDER BY pos"
    return [OutboxRow(*row) for row in await connection.fetch(query, list(shards))]


def _task(row: Iterable[Any]) -> TaskRow:
    values = list(row)
    values[_STATE] = TaskState(values[_STATE])
    return TaskRow(*values)
