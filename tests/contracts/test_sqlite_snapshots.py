"""A snapshot in pieces, while the shard changes hands: a former owner neither adds to it nor takes from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.errors import Fenced
from actors.store import Lease, Snapshot
from actors.stores.snapshot_pieces import pieces
from actors.stores.sqlite import snapshots
from actors.stores.sqlite.connection import writer

FORMER, OWNER = Lease("agent-0", 1, 7), Lease("agent-0", 2, 7)


def test_a_former_owner_leaves_the_snapshot_of_the_new_one_alone() -> None:
    connection = writer(Path(":memory:"), "OFF")
    connection.execute("INSERT INTO shard (id, owner, epoch, seq) VALUES ('agent-0', 'new', 2, 7)")
    [piece] = pieces({"a": b"state"})
    snapshots.add(connection, OWNER, 7, piece)
    assert not snapshots.sweep(connection, FORMER)
    with pytest.raises(Fenced):
        snapshots.add(connection, FORMER, 7, piece)
    with pytest.raises(Fenced):
        snapshots.finish(connection, FORMER, 7)
    snapshots.finish(connection, OWNER, 7)
    assert not snapshots.sweep(connection, OWNER)
    assert snapshots.load(connection, "agent-0") == Snapshot(7, {"a": b"state"})


def test_what_a_former_owner_left_unfinished_is_swept() -> None:
    connection = writer(Path(":memory:"), "OFF")
    connection.execute("INSERT INTO shard (id, owner, epoch, seq) VALUES ('agent-0', 'old', 1, 7)")
    [piece] = pieces({"a": b"state"})
    snapshots.add(connection, FORMER, 7, piece)
    connection.execute("UPDATE shard SET epoch = 2")
    assert snapshots.sweep(connection, OWNER)
    assert not snapshots.sweep(connection, OWNER)
