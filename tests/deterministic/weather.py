"""What goes wrong by itself while it lasts: each kind of fault with its rate, and how long everything takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "message lost on its way in",
    "confirm lost",
    "message doubled",
    "message late",
    "messages out of order",
    "delivery lost and repeated",
    "returned in another order",
    "store away",
    "store slow",
    "commit in doubt",
    "broker away",
]


@dataclass(frozen=True, slots=True)
class Spell:
    """From `since` to `until` (virtual s) `kind` happens to `rate` of all that it could happen to."""

    kind: Kind
    since: float
    until: float
    rate: float


class Weather:
    """`happened` counts what did happen, by kind. `latency` is that of one way over the network (s)."""

    KINDS: ClassVar[tuple[str, ...]] = get_args(Kind)

    def __init__(self, spells: list[Spell], chance: Random, latency: float) -> None:
        self.happened: Counter[str] = Counter()
        self.is_over = False
        self._spells = spells
        self._chance = chance
        self._latency = latency

    def strikes(self, kind: Kind, now: float) -> bool:
        """Whether this befalls what is being done now."""
        if self.is_over:
            return False
        for spell in self._spells:
            if spell.kind == kind and spell.since <= now < spell.until and self._chance.random() < spell.rate:
                self.happened[kind] += 1
                return True
        return False

    def some_of(self, seconds: float) -> float:
        """A part of it (s): what takes this long at most."""
        return seconds * self._chance.random()

    def way(self) -> float:
        """How long something takes over the network, or in the store (s): mostly little."""
        drawn = self._chance.random()
        return self._latency * (drawn if drawn < 0.95 else 20 * drawn)
