"""Placement strategies: which of the candidates a task goes to. Pure functions over one snapshot.

The four of the guide ("Load Balancing"). A `pooled` strategy keeps one common line, from which any
instance with a place free takes the next task; the others give each instance a line of its own, from which
another instance takes only when it has nothing of its own left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instance as a strategy sees it. `mean_ms`: expected execution time of one task there."""

    ti_uuid: str
    in_flight: int
    waiting: int
    capacity: int
    mean_ms: float

    @property
    def completion_ms(self) -> float:
        """When a task given to it now is expected to be done, in ms from now."""
        return (self.in_flight + self.waiting) * self.mean_ms / self.capacity + self.mean_ms


Choose: TypeAlias = Callable[[Sequence[Candidate], int, float], int]
"""(candidates, rotation: tasks placed so far, chance in [0, 1)) -> index of the chosen candidate."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to choose, by the name that configuration and `/scheduler/set` use."""

    name: str
    pooled: bool
    choose: Choose


def choose_shortest_queue(candidates: Sequence[Candidate], rotation: int, chance: float) -> int:
    """Least expected completion; ties by tasks in flight, then in rotation (never by id)."""
    count = len(candidates)
    return min(
        range(count),
        key=lambda n: (candidates[n].completion_ms, candidates[n].in_flight, (n - rotation) % count),
    )


def choose_round_robin(candidates: Sequence[Candidate], rotation: int, chance: float) -> int:
    """One after the other."""
    return rotation % len(candidates)


def choose_weighted(candidates: Sequence[Candidate], rotation: int, chance: float) -> int:
    """In proportion to capacity, spread out: the k-th turn of an instance comes at (k + 1/2) / capacity."""
    total = sum(candidate.capacity for candidate in candidates)
    turns = sorted(
        ((k + 0.5) / candidate.capacity, n) for n, candidate in enumerate(candidates) for k in range(candidate.capacity)
    )
    return turns[rotation % total][1]


def choose_probabilistic(candidates: Sequence[Candidate], rotation: int, chance: float) -> int:
    """At random, in inverse proportion to the length of the queue over the capacity."""
    weights = [c.capacity / (c.capacity + c.in_flight + c.waiting) for c in candidates]
    left = chance * sum(weights)
    for n, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return n
    return len(candidates) - 1


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("shortest_queue", pooled=True, choose=choose_shortest_queue),
        Strategy("round_robin", pooled=False, choose=choose_round_robin),
        Strategy("weighted", pooled=False, choose=choose_weighted),
        Strategy("probabilistic", pooled=False, choose=choose_probabilistic),
    )
}

DEFAULT_STRATEGY = "shortest_queue"


def find_strategy(name: str) -> Strategy | None:
    """By `shortest_queue`, `ShortestQueue`, `shortest-queue` or any such spelling; None where there is none."""
    wanted = plain_name(name)
    return next((s for s in STRATEGIES.values() if plain_name(s.name) == wanted), None)


def plain_name(name: str) -> str:
    """The same for all spellings of a name."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
