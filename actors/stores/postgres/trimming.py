"""Drops what retention no longer keeps, in slices of some milliseconds, so that commits hardly wait for it."""

from __future__ import annotations

import math
from typing import Final

import asyncpg

from actors.stores import batches
from actors.stores.trimmed_batches import droppable

TASKS: Final = 256
"""Tasks dropped at a time."""

JOURNAL_ROWS: Final = 128
"""Batches of the journal looked at at a time, or a few more: those of one turn stay together."""

# No index has the ends of tasks, which would make the last change of each far dearer: tasks are looked at in the order
# in which they came, as far as any of them could have ended by then.
_OLD: Final = """
SELECT pos, task_id, ended_at FROM task WHERE ended_at <= $1 AND pos < coalesce(
    (SELECT pos FROM task WHERE submitted_at > $1 ORDER BY pos LIMIT 1), 9223372036854775807)
ORDER BY pos LIMIT $2
"""
_DROP_ACTIVITY: Final = """
WITH dropped AS (
    DELETE FROM activity WHERE task_id = ANY ($1::text[]) AND status = 'ended' RETURNING change
), counted AS (
    UPDATE activity_count SET ended = ended - (SELECT count(*) FROM dropped),
        forgotten = greatest(forgotten, (SELECT max(change) FROM dropped))
    WHERE EXISTS (SELECT FROM dropped) RETURNING newest, forgotten
) SELECT pg_notify('swarmpilot_activity', newest || ' ' || forgotten) FROM counted
"""
_BATCHES: Final = """
SELECT turn, shard, last, epoch, first, entries, coalesce(last <= snapshot.seq, FALSE) AS is_in_snapshot
FROM journal LEFT JOIN snapshot USING (shard)
WHERE turn > $1 AND turn <= (
    SELECT max(turn) FROM (SELECT turn FROM journal WHERE turn > $1 ORDER BY turn LIMIT $2) AS batch)
ORDER BY turn
"""


async def end_of_excess(connection: asyncpg.Connection, keep: int) -> float | None:
    """What ended up to then is too much; None where there are less than `keep` ended tasks.

    Before the first end of the `keep` that came last: of those that came before and took long, more may stay.
    """
    last = "SELECT ended_at FROM task WHERE ended_at IS NOT NULL ORDER BY pos DESC LIMIT $1"
    query = f"SELECT min(ended_at) FROM ({last}) AS last HAVING count(*) = $1"
    first_end: float | None = await connection.fetchval(query, keep)
    return None if first_end is None else math.nextafter(first_end, 0.0)


async def drop_tasks(connection: asyncpg.Connection, upto: float) -> int:
    """Some of the tasks that ended up to then, with all that is theirs; returns how many."""
    async with connection.transaction():
        rows = await connection.fetch(_OLD, upto, TASKS)
        if not rows:
            return 0
        task_ids = [row["task_id"] for row in rows]
        await connection.execute("DELETE FROM payload WHERE task_id = ANY ($1::text[])", task_ids)
        await connection.execute("DELETE FROM task WHERE pos = ANY ($1::bigint[])", [row["pos"] for row in rows])
        await connection.execute("SELECT FROM activity_count FOR UPDATE")
        await connection.execute(_DROP_ACTIVITY, task_ids)
        newest = max(row["ended_at"] for row in rows)
        if await connection.execute("UPDATE trimmed SET until = greatest(until, $1)", newest) == "UPDATE 0":
            await connection.execute("INSERT INTO trimmed (until) VALUES ($1)", newest)
    return len(rows)


async def trimmed_until(connection: asyncpg.Connection) -> float | None:
    """Tasks that ended up to then may have been dropped."""
    until: float | None = await connection.fetchval("SELECT max(until) FROM trimmed")
    return until


async def drop_entries(connection: asyncpg.Connection, after: int) -> int | None:
    """Drop what may go of the batches that come after this turn; the turn to go on from, None at the end."""
    until = await trimmed_until(connection)
    rows = await connection.fetch(_BATCHES, after, JOURNAL_ROWS)
    gone: list[tuple[str, int]] = []
    shortened: list[tuple[str, int, bytes]] = []
    upto = after
    is_last = not rows
    for turn, shard, last, epoch, first, packed, is_in_snapshot in rows:
        entries = batches.unpack(shard, epoch, first, packed)
        if until is None or (entries and entries[0].at > until):
            is_last = True
            break
        upto = turn
        if not is_in_snapshot:
            continue
        known = await _known(connection, [entry.task_id for entry in entries if entry.task_id])
        dropped = droppable(entries, known)
        if len(dropped) == len(entries):
            gone.append((shard, last))
        elif dropped:
            rest = batches.trimmed(first, packed, dropped)
            assert rest is not None, "something is left"
            shortened.append((shard, last, rest))
    if gone or shortened:
        await _write(connection, gone, shortened, (after, upto))
    return None if is_last else upto


async def _write(
    connection: asyncpg.Connection,
    gone: list[tuple[str, int]],
    shortened: list[tuple[str, int, bytes]],
    turns: tuple[int, int],
) -> None:
    async with connection.transaction():
        await connection.executemany("DELETE FROM journal WHERE shard = $1 AND last = $2", gone)
        await connection.executemany("UPDATE journal SET entries = $3 WHERE shard = $1 AND last = $2", shortened)
        await connection.execute(
            "DELETE FROM mention WHERE turn > $1 AND turn <= $2"
            " AND NOT EXISTS (SELECT FROM journal WHERE journal.turn = mention.turn)",
            *turns,
        )


async def _known(connection: asyncpg.Connection, task_ids: list[str]) -> dict[str, float]:
    rows = await connection.fetch(
        "SELECT task_id, submitted_at FROM task WHERE task_id = ANY ($1::text[])", list(set(task_ids))
    )
    return {row["task_id"]: row["submitted_at"] for row in rows}
