"""One transaction of the runtime as the parameters of one statement, and what its failure means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg

from actors.behaviour import Keep
from actors.dead_letters import DeadLetter
from actors.errors import AlreadyReceived, Fenced
from actors.store import JournalEntry, ShardAppend, Transaction
from actors.stores import batches
from actors.stores.appends import by_shard
from actors.stores.postgres import dead_letters
from actors.stores.postgres.texts import text
from actors.stores.task_columns import COLUMNS, Columns, complete, merged, must_be_changeable, plain

FENCED: Final = "SW001"
RECEIVED: Final = "SW002"

LARGE_BYTES: Final = 16 << 20
"""Bodies beyond this go ahead of the rest, a few at a time: the protocol takes at most 1 GiB at once."""

_COMMIT: Final = f"SELECT commit_turn({', '.join(f'${n}' for n in range(1, 15))})"
_PAYLOADS: Final = (
    "INSERT INTO payload (task_id, part, content_type, metadata, body) SELECT new.* FROM unnest($1::payload_given[]) "
    "AS new ON CONFLICT (task_id, part) DO UPDATE SET content_type = excluded.content_type, "
    "metadata = excluded.metadata, body = excluded.body WHERE payload.part = 'checkpoint'"
)
_BITS: Final = {column: 1 << n for n, column in enumerate(COLUMNS[1:])}
_ENTRY: Final = (
    "task_id", "agent_id", "repo_id", "worktree_id", "branch", "description", "progress", "timestamp", "status",
)  # fmt: skip

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything but the payloads, and those."""

    parameters: list[list[Any]]
    payloads: list[Row]
    dead: list[DeadLetter]
    replayed: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.payloads or self.dead or self.replayed or any(self.parameters))


def prepare(work: Transaction) -> Prepared:
    """Raises ValueError for work that contradicts itself or TaskRow."""
    appends = by_shard(work.appends)
    parameters: list[list[Any]] = [
        sorted(_append(append) for append in appends),
        _hashes(entry for append in appends for entry in append.entries),
        sorted(map(text, work.inbox)),
        [(text(row.id), row.shard, row.body) for row in work.outbox],
        list(map(text, work.sent)),
        [],
        [_new_task(task_id, row, work.changed_rows.get(task_id)) for task_id, row in work.new_rows.items()],
        [_change(id_, work.changed_rows[id_]) for id_ in sorted(work.changed_rows) if _is_change(id_, work)],
        list(map(text, work.purged_agents)),
        [_new_entry(*item) for item in work.new_entries.items()],
        [_changed_entry(*item) for item in work.changed_entries.items()],
        list(map(text, work.purged_entries)),
    ]
    return Prepared(parameters, _payloads(work.payloads), work.dead, work.replayed)


async def write(connection: asyncpg.Connection, work: Prepared, most_ended: int, spare: int) -> list[int] | None:
    """Write it; the newest change of activity and the newest forgotten one, None where it changes no activity.

    Raises asyncpg's errors, of which `meaning` knows more.
    """
    payloads = _portions(work.payloads)
    if work.dead or work.replayed:
        async with connection.transaction():
            activity = await write(connection, replace(work, dead=[], replayed=[]), most_ended, spare)
            await dead_letters.write(connection, work.dead, work.replayed)
        return activity
    if len(payloads) <= 1:
        parameters = [*work.parameters[:5], work.payloads, *work.parameters[6:]]
        return await connection.fetchval(_COMMIT, *parameters, most_ended, spare)  # type: ignore[no-any-return]
    async with connection.transaction():
        for portion in payloads:
            await connection.execute(_PAYLOADS, portion)
        return await connection.fetchval(_COMMIT, *work.parameters, most_ended, spare)  # type: ignore[no-any-return]


async def meaning(error: asyncpg.PostgresError, connection: asyncpg.Connection, inbox: list[str]) -> Exception | None:
    """What the port calls this failure of a transaction; None where it has no name of its own."""
    if error.sqlstate == FENCED:
        return Fenced((error.detail or "").split())
    if error.sqlstate == RECEIVED:
        twice = {id_ for id_, count in Counter(inbox).items() if count > 1}
        found = await connection.fetch("SELECT id FROM inbox WHERE id = ANY ($1::text[])", list(map(text, inbox)))
        return AlreadyReceived({row["id"] for row in found} | twice)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        what = "a new task row is incomplete or exists already" if error.table_name == "task" else "a row is refused"
        return ValueError(f"{what}: {error}")
    return None


def _texts(values: Iterable[Any]) -> Iterable[Any]:
    return (text(value) if isinstance(value, str) else value for value in values)


def _append(append: ShardAppend) -> Row:
    """The shard, its epoch, its seq before and after (None where nothing is appended), and the entries."""
    if not append.entries:
        return append.shard, append.epoch, None, None, None, None
    first, last = append.entries[0].seq, append.entries[-1].seq
    return append.shard, append.epoch, first - 1, last, first, batches.pack(append.entries)


def _hashes(entries: Iterable[JournalEntry]) -> list[int]:
    task_ids = {entry.task_id for entry in entries}
    task_ids.discard("")
    return sorted({task_hash(task_id) for task_id in task_ids})


def task_hash(task_id: str) -> int:
    """What `mention` knows a task by: a signed number of 4 bytes."""
    return batches.task_hash(task_id) - (1 << 31)


def _payloads(given: Iterable[Keep]) -> list[Row]:
    """Of the inputs and results of a task the first, of its checkpoints the last."""
    kept: dict[tuple[str, str], Row] = {}
    for p in given:
        if p.part == "checkpoint" or (p.task_id, p.part) not in kept:
            kept[p.task_id, p.part] = (text(p.task_id), p.part, text(p.content_type), p.metadata, p.body)
    return list(kept.values())


def _portions(payloads: list[Row]) -> list[list[Row]]:
    portions: list[list[Row]] = []
    size = LARGE_BYTES
    for row in payloads:
        if size >= LARGE_BYTES:
            portions.append([])
            size = 0
        portions[-1].append(row)
        size += len(row[3]) + len(row[4])
    return portions


def _new_task(task_id: str, row: Columns, change: Columns | None) -> Row:
    return tuple(_texts(complete(task_id, merged(row, change))))


def _is_change(task_id: str, work: Transaction) -> bool:
    return bool(work.changed_rows[task_id]) and task_id not in work.new_rows


def _change(task_id: str, change: Columns) -> Row:
    must_be_changeable(tuple(change))
    values = plain(change)
    row = (text(task_id), *_texts(values.get(column) for column in COLUMNS[1:]))
    return row, sum(_BITS[column] for column in change)


def _new_entry(task_id: str, entry: Mapping[str, Any]) -> Row:
    row = {"progress": None, **entry, "task_id": task_id}
    if set(row) != set(_ENTRY):
        raise ValueError(f"the new entry of task {task_id} has not the columns {', '.join(_ENTRY)}")
    return tuple(_texts(row[column] for column in _ENTRY))


def _changed_entry(task_id: str, columns: Mapping[str, Any]) -> Row:
    if not columns.keys() <= set(_ENTRY[1:]):
        raise ValueError(f"the change of the entry of task {task_id} has other columns than {', '.join(_ENTRY)}")
    return text(task_id), *_texts(columns.get(column) for column in _ENTRY[1:])
