"""Who hosts which shard: the port of leases and membership, and its rules in memory.

A process holds its shards as long as it lives, and it lives as long as it says so: each renewal is good for `ttl`
seconds by the store's clock. What a process holds that is no longer heard of is free to others. That decides who
*should* write; who *can* is decided by the epoch in each commit, which grows with every change of hands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from actors.addresses import ActorKind


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a shard: only the newest epoch counts. `seq` is that of its last journal entry.

    `store_id` is the random name that the store got when it was made.
    """

    shard: str
    epoch: int
    seq: int
    store_id: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A process that hosts shards of these kinds. `id` is its own and is never used again."""

    id: str
    kinds: frozenset[ActorKind]


@dataclass(frozen=True, slots=True)
class Membership:
    """Who lives, with the kinds it hosts, and who of them holds which shard: one that is not in `owners` is free."""

    members: Mapping[str, frozenset[ActorKind]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)

    def holds(self, member_id: str, shard: str, epoch: int) -> bool:
        """Whether this is still the owner, and has been without a break since it got this epoch."""
        return self.owners.get(shard) == member_id and self.epochs.get(shard) == epoch


class Leases(Protocol):
    """Leases as every store keeps them. All raise StoreUnavailable.

    The contract, held by `tests/contracts/test_leases.py`: of two owners of a shard the commits of at most one succeed.
    """

    async def join(self, member: Member, shards: Sequence[str], ttl: float) -> None:
        """Live from now on. `shards` are all of the deployment; a store that has none yet makes these."""

    async def renew(self, member: Member, ttl: float) -> Membership:
        """Live for `ttl` more seconds, also where it had been given up, and see who else does."""

    async def acquire(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        """Become the owner of those that are free or this owner's already: each epoch grows by one."""

    async def release(self, leases: Collection[Lease]) -> None:
        """Let others have these at once. What has changed hands meanwhile is left alone."""

    async def leave(self, member_id: str) -> None:
        """Live no longer: what it still holds is free."""


class LeaseTable:
    """The rules, for a store whose members are all in one process: who is not in it lives no longer.

    `now` is in seconds of any clock that never goes back.
    """

    def __init__(self) -> None:
        self._members: dict[str, tuple[frozenset[ActorKind], float]] = {}
        self._owners: dict[str, str] = {}

    def renew(self, member: Member, now: float, ttl: float) -> None:
        """It lives until `now + ttl`."""
        self._members[member.id] = (member.kinds, now + ttl)

    def leave(self, member_id: str) -> None:
        """It lives no longer."""
        self._members.pop(member_id, None)

    def living(self, now: float) -> dict[str, frozenset[ActorKind]]:
        """Who lives."""
        return {name: kinds for name, (kinds, until) in self._members.items() if now < until}

    def owners(self, now: float) -> dict[str, str]:
        """The shards that somebody holds who lives."""
        living = self.living(now)
        return {shard: owner for shard, owner in self._owners.items() if owner in living}

    def grant(self, shards: Sequence[str], owner: str, now: float) -> list[str]:
        """Those of these shards that `owner` may have; they are held by it from now on."""
        held = self.owners(now)
        granted = [shard for shard in shards if held.get(shard, owner) == owner]
        self._owners.update(dict.fromkeys(granted, owner))
        return granted

    def free(self, shard: str) -> None:
        """Nobody holds it."""
        self._owners.pop(shard, None)
