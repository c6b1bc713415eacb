"""Which shard of this process an actor lives in."""

from __future__ import annotations

import tracemalloc

from actors.addresses import agent
from actors.agent import AgentPolicy, agent_behaviour
from actors.hosted_shards import HostedShards
from actors.shard import Shard
from actors.store import Lease


def test_actors_that_were_once_spoken_to_do_not_add_up_in_memory() -> None:
    shards = HostedShards(1)
    shards.add(Shard(Lease("agent-0", 1, 0, "s"), agent_behaviour(AgentPolicy())))
    tracemalloc.start()
    try:
        for n in range(100_000):
            assert shards.find(agent(f"agent-{n}")) is not None
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 10_000_000
