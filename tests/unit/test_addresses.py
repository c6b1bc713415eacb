"""Every process computes the same shard for an actor, today and after an upgrade."""

from __future__ import annotations

from collections import Counter

import pytest

from actors.addresses import (
    SCHEDULER,
    Address,
    agent,
    all_shards,
    dispatcher,
    kind_of_shard,
    queue_of,
    shard_of,
    worker,
)


@pytest.mark.parametrize(
    ("address", "shards", "shard"),
    [
        (SCHEDULER, 8, "scheduler"),
        (agent("worker-1"), 8, "agent-2"),
        (agent("worker-1"), 64, "agent-2"),
        (dispatcher("550e8400-e29b-41d4-a716-446655440000"), 8, "dispatcher-7"),
        (agent("größe/☃"), 8, "agent-0"),
    ],
)
def test_shards_never_move(address: Address, shards: int, shard: str) -> None:
    """The figures are part of the stored data: another hash would orphan what existing stores hold."""
    assert shard_of(address, shards) == shard


def test_agent_and_dispatcher_of_one_name_are_different_actors() -> None:
    differing = [n for n in range(100) if shard_of(agent(f"{n}"), 64)[6:] != shard_of(dispatcher(f"{n}"), 64)[11:]]
    assert len(differing) > 80


@pytest.mark.parametrize("shards", [1, 8, 64])
def test_every_actor_lives_in_one_of_all_shards(shards: int) -> None:
    known = set(all_shards(shards))
    assert len(known) == 1 + 2 * shards
    addresses = [SCHEDULER, *(make(f"key-{n}") for make in (agent, dispatcher) for n in range(500))]
    assert {shard_of(address, shards) for address in addresses} == known


def test_actors_spread_evenly() -> None:
    counts = Counter(shard_of(agent(f"agent-{n}"), 8) for n in range(8000))
    assert min(counts.values()) > 850
    assert max(counts.values()) < 1150


def test_a_shard_says_which_kind_of_actor_it_hosts() -> None:
    for address in (SCHEDULER, agent("a"), dispatcher("d")):
        assert kind_of_shard(shard_of(address, 8)) == address.kind


@pytest.mark.parametrize("name", ["gateway-1", "", "schedulers", "agents-1"])
def test_what_is_not_a_shard_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a shard"):
        kind_of_shard(name)


def test_queues() -> None:
    assert queue_of(SCHEDULER, 8) == "swarm.scheduler"
    assert queue_of(agent("a"), 1) == "swarm.agent-0"
    assert queue_of(dispatcher("d"), 1) == "swarm.dispatcher-0"
    assert queue_of(Address("gateway", "g1"), 8) == "swarm.gateway.g1"
    assert queue_of(worker("w 1"), 8) == "swarm.worker.w 1"
    assert queue_of(Address("producer", "amq.gen-x"), 8) == "amq.gen-x"
