"""What can be asked of the store, as functions of a connection: one statement each, and so one moment each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias

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

PayloadKey: TypeAlias = tuple[str, str]
"""The task and the part."""

_BY_SCAN: Final = "SET LOCAL enable_seqscan = on"
_TASK: Final = ",".join(f"task.{column}" for column in COLUMNS)
_STATE: Final = COLUMNS.index("state")
_LIVE: Final = "state NOT IN ({})".format(",".join(f"'{state}'" for state in sorted(TERMINAL)))


async def tasks(connection: asyncpg.Connection, ids: Sequence[str]) -> dict[str, TaskRow]:
    """The tasks under these ids of ours, else the newest ones that their instances gave these ids."""
    by_id = f"SELECT {_TASK} FROM task WHERE task_id = ANY ($1::text[])"
    found = {row["task_id"]: _task(row) for row in await connection.fetch(by_id, list(map(text, ids)))}
    if missing := [text(id_) for id_ in ids if id_ and text(id_) not in found]:
        by_remote_id = f"SELECT {_TASK} FROM task WHERE remote_id = ANY ($1::text[]) AND remote_id <> '' ORDER BY pos"
        found |= {row["remote_id"]: _task(row) for row in await connection.fetch(by_remote_id, missing)}
    return {id_: found[text(id_)] for id_ in ids if text(id_) in found}


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
    async with connection.transaction(readonly=True):
        await connection.execute(_BY_SCAN)
        rows = await connection.fetch("SELECT state, count(*) FROM task GROUP BY state")
    return {TaskState(state): count for state, count in rows}


async def payloads(connection: asyncpg.Connection, keys: Sequence[PayloadKey]) -> dict[PayloadKey, Payload]:
    """The stored payloads of these tasks and parts."""
    rows = await connection.fetch(
        "SELECT n, body, content_type, metadata FROM unnest($1::text[], $2::text[]) WITH ORDINALITY "
        "AS asked (task_id, part, n) JOIN payload USING (task_id, part)",
        [text(task_id) for task_id, _ in keys],
        [part for _, part in keys],
    )
    return {keys[n - 1]: Payload(*payload) for n, *payload in rows}


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
    async with connection.transaction(readonly=True):
        await connection.execute(_BY_SCAN)
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
