"""Who a message is for, and which shard and queue that actor lives in.

Shards are computed here and nowhere else (`blake2b(kind/key) mod S`), so that every process, whatever
broker it uses, agrees on them and no broker plug-in can remap them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from typing import Final, Literal, NamedTuple, get_args

ActorKind = Literal["scheduler", "agent", "dispatcher"]
Kind = Literal["scheduler", "agent", "dispatcher", "gateway", "producer", "worker"]

SCHEDULER_SHARD = "scheduler"

_ACTOR_KINDS: Final[Mapping[str, ActorKind]] = {kind: kind for kind in get_args(ActorKind)}


class Address(NamedTuple):
    """The actor, the attached worker or, for answers, the gateway or AMQP producer that a message is for."""

    kind: Kind
    key: str


class ReturnAddress(NamedTuple):
    """Where an answer goes, and the correlation that the asker will know it by."""

    to: Address
    correlation: str


SCHEDULER = Address("scheduler", "one")


def agent(agent_id: str) -> Address:
    """The agent actor that owns the life of this agent's tasks."""
    return Address("agent", agent_id)


def dispatcher(instance: str) -> Address:
    """The dispatcher actor of one TaskInstance or attached worker, by its ti_uuid."""
    return Address("dispatcher", instance)


def worker(worker_id: str) -> Address:
    """An attached worker, by the id that it has chosen."""
    return Address("worker", worker_id)


@lru_cache(maxsize=16_384)
def shard_of(address: Address, shards: int) -> str:
    """The shard that hosts this actor: `scheduler`, `agent-3`, `dispatcher-0`, with `shards` per kind."""
    if address.kind == "scheduler":
        return SCHEDULER_SHARD
    digest = blake2b(f"{address.kind}/{address.key}".encode(), digest_size=8).digest()
    return f"{address.kind}-{int.from_bytes(digest, 'big') % shards}"


def all_shards(shards: int) -> list[str]:
    """Every shard of a deployment with `shards` shards of agents and as many of dispatchers."""
    kinds = ("agent", "dispatcher")
    return [SCHEDULER_SHARD, *(f"{kind}-{n}" for kind in kinds for n in range(shards))]


@lru_cache
def somewhere_in(shard: str, shards: int) -> Address:
    """An address that this shard hosts, though nobody need live there."""
    kind = kind_of_shard(shard)
    candidates = (Address(kind, str(n)) for n in count())
    return next(address for address in candidates if shard_of(address, shards) == shard)


def kind_of_shard(shard: str) -> ActorKind:
    """The kind of actor that a shard hosts."""
    kind = _ACTOR_KINDS.get(shard.partition("-")[0])
    if kind is None:
        raise ValueError(f"{shard!r} is not a shard: expected scheduler, agent-N or dispatcher-N")
    return kind


def queue_of(address: Address, shards: int) -> str:
    """The broker queue that messages for this address are published to."""
    if address.kind in ("gateway", "worker"):
        return f"swarm.{address.kind}.{address.key}"
    if address.kind == "producer":
        return address.key
    return f"swarm.{shard_of(address, shards)}"
