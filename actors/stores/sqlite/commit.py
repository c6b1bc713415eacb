"""One transaction of the runtime, written all or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection, IntegrityError
from typing import Any

from actors.crash_points import reach
from actors.errors import AlreadyReceived, Fenced
from actors.store import ShardAppend, Transaction
from actors.stores import batches
from actors.stores.appends import by_shard
from actors.stores.sqlite import bulk, dead_letters, task_table
from actors.stores.sqlite.activity_table import ActivityTable

_FENCE = bulk.per_row(
    4,
    "UPDATE shard SET seq = coalesce(new.column4, shard.seq) FROM ({values}) AS new "
    "WHERE id = new.column1 AND epoch = new.column2 AND seq = coalesce(new.column3, shard.seq)",
)
_JOURNAL = bulk.insert("journal", "pos", "shard", "epoch", "first", "last", "entries")
_INBOX = bulk.insert("inbox", "id", "at")
_RECEIVED = bulk.per_row(1, "SELECT id FROM inbox WHERE id IN ({values})")
_OUTBOX = bulk.insert("outbox", "id", "shard", "body")
_SENT = bulk.per_row(1, "DELETE FROM outbox WHERE id IN ({values})")
_PAYLOAD = bulk.insert(
    "payload",
    "task_id",
    "part",
    "content_type",
    "metadata",
    "body",
    otherwise="ON CONFLICT (task_id, part) DO UPDATE SET content_type = excluded.content_type, "
    "metadata = excluded.metadata, body = excluded.body WHERE part = 'checkpoint'",
)


@dataclass(frozen=True, slots=True)
class Written:
    """`position` is that of the newest journal row, `size` the bytes of the bodies written."""

    position: int
    size: int


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All that is done inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def commit(connection: Connection, work: Transaction, activity: ActivityTable, position: int, now: float) -> Written:
    """Write it. `position` is that of the newest journal row so far, `now` Unix seconds.

    Raises Fenced, AlreadyReceived, sqlite3.Error, and ValueError for work that contradicts itself.
    """
    appends = by_shard(work.appends)
    with transaction(connection):
        _fence(connection, appends)
        reach("commit.fenced")
        _receive(connection, work.inbox, now)
        size = _journal(connection, appends, position + 1)
        bulk.change(
            connection, _PAYLOAD, [(p.task_id, p.part, p.content_type, p.metadata, p.body) for p in work.payloads]
        )
        bulk.change(connection, _OUTBOX, [(row.id, row.shard, row.body) for row in work.outbox])
        bulk.change(connection, _SENT, [(id_,) for id_ in work.sent])
        task_table.write(connection, work.new_rows, work.changed_rows)
        if work.touches_activity:
            activity.write(connection, work)
        if work.dead or work.replayed:
            dead_letters.write(connection, work.dead, work.replayed)
        reach("commit.written")
    size += sum(len(p.body) + len(p.metadata) for p in work.payloads) + sum(len(row.body) for row in work.outbox)
    return Written(position + sum(1 for append in appends if append.entries), size)


def received(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these ids are in the inbox."""
    return {id_ for (id_,) in bulk.select(connection, _RECEIVED, ids)}


def _fence(connection: Connection, appends: Sequence[ShardAppend]) -> None:
    rows = [_expectation(append) for append in appends]
    if bulk.change(connection, _FENCE, rows) == len(rows):
        return
    connection.execute("ROLLBACK")
    owned = {shard: (epoch, seq) for shard, epoch, seq in connection.execute("SELECT id, epoch, seq FROM shard")}
    fenced = []
    for shard, epoch, before, _ in rows:
        stored_epoch, stored_seq = owned.get(shard, (None, None))
        if epoch != stored_epoch or before not in (None, stored_seq):
            fenced.append(shard)
    raise Fenced(fenced or [shard for shard, *_ in rows])


def _expectation(append: ShardAppend) -> tuple[str, int, int | None, int | None]:
    """The shard, its epoch, and its seq before and after; None where nothing is appended."""
    if not append.entries:
        return append.shard, append.epoch, None, None
    return append.shard, append.epoch, append.entries[0].seq - 1, append.entries[-1].seq


def _receive(connection: Connection, ids: Sequence[str], now: float) -> None:
    try:
        bulk.change(connection, _INBOX, [(id_, now) for id_ in ids])
    except IntegrityError:
        connection.execute("ROLLBACK")
        twice = {id_ for id_, count in Counter(ids).items() if count > 1}
        raise AlreadyReceived(received(connection, ids) | twice) from None


def _journal(connection: Connection, appends: Sequence[ShardAppend], position: int) -> int:
    rows: list[tuple[Any, ...]] = []
    mentioned: set[str] = set()
    for append in appends:
        if entries := append.entries:
            packed = batches.pack(entries)
            span = entries[0].seq, entries[-1].seq
            rows.append((position + len(rows), append.shard, append.epoch, *span, packed))
            mentioned.update(entry.task_id for entry in entries)
    mentioned.discard("")
    bulk.change(connection, _JOURNAL, rows)
    if mentioned:
        mention = (position, position + len(rows) - 1, batches.hashes(mentioned))
        connection.execute("INSERT INTO mention (first, last, tasks) VALUES (?, ?, ?)", mention)
    return sum(len(row[-1]) for row in rows)
