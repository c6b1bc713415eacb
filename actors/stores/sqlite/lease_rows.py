"""Who may write a shard, as the file has it: the epochs. Who lives is known to the one process that has the file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from sqlite3 import Connection

from actors.leases import Lease
from actors.stores.sqlite.commit import transaction


def enroll(connection: Connection, shards: Sequence[str]) -> None:
    """Make these shards, where there are none."""
    with transaction(connection):
        if not connection.execute("SELECT count(*) FROM shard").fetchone()[0]:
            rows = [(shard,) for shard in shards]
            connection.executemany("INSERT INTO shard (id, owner, epoch, seq) VALUES (?, '', 0, 0)", rows)


def take_over(connection: Connection, shards: Sequence[str], owner: str) -> dict[str, Lease]:
    """Raise each epoch by one."""
    take = (
        "INSERT INTO shard (id, owner, epoch, seq) VALUES (?, ?, 1, 0) "
        "ON CONFLICT DO UPDATE SET owner = excluded.owner, epoch = epoch + 1 RETURNING epoch, seq"
    )
    leases = {}
    with transaction(connection):
        [store_id] = connection.execute("SELECT id FROM store").fetchone()
        for shard in shards:
            [(epoch, seq)] = connection.execute(take, (shard, owner)).fetchall()
            leases[shard] = Lease(shard, epoch, seq, store_id)
    return leases


def epochs(connection: Connection) -> dict[str, int]:
    """The newest epoch of each shard."""
    return dict(connection.execute("SELECT id, epoch FROM shard").fetchall())


def current(connection: Connection, leases: Collection[Lease]) -> list[str]:
    """The shards of those leases that are the newest."""
    newest = epochs(connection)
    return [lease.shard for lease in leases if newest.get(lease.shard) == lease.epoch]
