"""The shards that run in this process, and which of them an address lives in."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from actors.addresses import Address, shard_of
from actors.shard import Shard

ACTORS = ("scheduler", "agent", "dispatcher")


class HostedShards:
    """By name. `shards` is their number per kind in the whole deployment."""

    def __init__(self, shards: int) -> None:
        self._number = shards
        self._shards: dict[str, Shard] = {}

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards.values())

    def __contains__(self, name: str) -> bool:
        return name in self._shards

    def __getitem__(self, name: str) -> Shard:
        return self._shards[name]

    @property
    def names(self) -> frozenset[str]:
        """Their names."""
        return frozenset(self._shards)

    def add(self, shard: Shard) -> None:
        """It runs here, instead of an earlier one of its name."""
        self._shards[shard.name] = shard

    def remove(self, names: Collection[str]) -> list[Shard]:
        """Those of these names run here no longer; as they are."""
        return [shard for name in sorted(names) if (shard := self._shards.pop(name, None)) is not None]

    def find(self, address: Address) -> Shard | None:
        """The shard that hosts this actor, where it runs here."""
        return self._shards.get(shard_of(address, self._number)) if address.kind in ACTORS else None

    def is_elsewhere(self, address: Address) -> bool:
        """Whether it is an actor that lives in another process."""
        return address.kind in ACTORS and self.find(address) is None

    def earliest_wakeup(self) -> float | None:
        """When the first actor here wants to be woken (Unix seconds)."""
        return min((due for shard in self if (due := shard.wakeups.earliest()) is not None), default=None)
