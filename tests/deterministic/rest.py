"""What must hold once everything has come to rest, read from the record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    for name, queue in sorted(world.cluster.queues.items()):
        if name in {f"swarm.{shard}" for shard in all_shards(SHARDS)}:
            left = [type(e.message).__name__ for message in queue.waiting for e in message.envelopes]
            assert queue.is_quiet, f"{left or 'something'} is left in {name}"
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
        assert short.take_snapshot().actors == whole.take_snapshot().actors, f"the snapshot of {name} says otherwise"


class _JournalAlone:
    """A store as it would be without snapshots."""

    def __init__(self, store: Connection) -> None:
        self.journal = store.journal

    async def snapshot(self, shard: str) -> None:
        """There is none."""
