"""What must hold once everything has come to rest, read from the record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from actors.addresses import all_shards, kind_of_shard
from actors.shard import Shard
from actors.store import Lease
from tests.deterministic.node import BEHAVIOURS, SHARDS
from tests.deterministic.process import Process
from tests.deterministic.store import Connection
from tests.properties import record

if TYPE_CHECKING:
    from tests.deterministic.world import World


async def check_rest(world: World) -> None:
    """Raises AssertionError."""
    store = Connection(world.database, Process(world.loop, "the examiner"), world.weather)
    rows = await record.check(store, BEHAVIOURS, SHARDS, world.clients.requests)  # type: ignore[arg-type]
    for row in rows:
        known = world.watch.tasks[row.task_id]
        assert row.state == known.end, f"{row.task_id} is {row.state} and ended as {known.end}"
    entries = world.database.live_entries()
    assert not entries, f"{entries} have ended, and have entries in activity buffers"
    rejected = {e.id for q in world.cluster.queues.values() for message in q.rejected for e in message.envelopes}
    assert rejected == world.watch.set_aside, f"rejected {rejected}, of the poison {world.watch.set_aside}"
    await _check_snapshots(store)


async def _check_snapshots(store: Connection) -> None:
    """The newest snapshot and what follows say the same as the whole journal."""
    for name in all_shards(SHARDS):
        lease, behaviour = Lease(name, 0, 0), BEHAVIOURS[kind_of_shard(name)]
        short, whole = Shard(lease, behaviour), Shard(lease, behaviour)
        await short.load(store)
        await whole.load(_JournalAlone(store))  # type: ignore[arg-type]
        assert _said(short) == _said(whole), f"the snapshot of {name} and what follows say otherwise than its journal"


def _said(shard: Shard) -> dict[str, Any]:
    return {key: msgspec.json.decode(body) for key, body in shard.take_snapshot().actors.items()}


class _JournalAlone:
    """A store as it would be without snapshots."""

    def __init__(self, store: Connection) -> None:
        self.journal = store.journal

    async def snapshot(self, shard: str) -> None:
        """There is none."""
