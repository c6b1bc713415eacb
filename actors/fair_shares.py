"""Which shards a process should take and which it should give up: each worked out alone, from what all can see.

Shards of one kind are divided evenly among the processes that host that kind. Where they do not divide, those that
hold most keep one more, so that nothing moves for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from actors.addresses import kind_of_shard
from actors.leases import Membership


@dataclass(frozen=True, slots=True)
class Change:
    """What one process should do: shards that are free to take, and shards of its own to give up."""

    take: tuple[str, ...] = ()
    give_up: tuple[str, ...] = ()


def fair_change(me: str, shards: Sequence[str], hosted: Collection[str], membership: Membership) -> Change:
    """What `me`, who hosts `hosted` of `shards` (all of kinds that it hosts), should change."""
    take: list[str] = []
    give_up: list[str] = []
    for kind in sorted({kind_of_shard(shard) for shard in shards}):
        alike = [shard for shard in shards if kind_of_shard(shard) == kind]
        peers = [peer for peer, kinds in membership.members.items() if kind in kinds or peer == me]
        share = _share(me, alike, peers, membership)
        mine = [shard for shard in alike if shard in hosted]
        # What is recorded as mine and is not hosted is left from a start that failed: it is nobody else's.
        to_have = [shard for shard in alike if shard not in mine and membership.owners.get(shard, me) == me]
        take += to_have[: max(0, share - len(mine))]
        give_up += mine[share:]
    return Change(tuple(take), tuple(give_up))


def _share(me: str, shards: Sequence[str], peers: Collection[str], membership: Membership) -> int:
    """How many of these shards are mine to host."""
    held = dict.fromkeys((*peers, me), 0)
    for shard in shards:
        owner = membership.owners.get(shard)
        if owner in held:
            held[owner] += 1
    ranked = sorted(held, key=lambda peer: (-held[peer], peer))
    each, over = divmod(len(shards), len(ranked))
    return each + (ranked.index(me) < over)
