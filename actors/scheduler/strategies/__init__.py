"""Placement strategies: which of the candidates a task goes to. Pure functions over one view.

`view` is what they see, `strategy` what they are; each has a file of its own, and `own` is a user's. `turns` is
how round robin and weighted keep count.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.scheduler.strategies.adaptive import ADAPTIVE
from actors.scheduler.strategies.affinity import AFFINITY
from actors.scheduler.strategies.least_loaded import LEAST_LOADED
from actors.scheduler.strategies.min_completion import MIN_COMPLETION
from actors.scheduler.strategies.power_of_two import POWER_OF_TWO
from actors.scheduler.strategies.probabilistic import PROBABILISTIC
from actors.scheduler.strategies.round_robin import ROUND_ROBIN
from actors.scheduler.strategies.shortest_queue import SHORTEST_QUEUE
from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.tail import TAIL
from actors.scheduler.strategies.view import Candidate, Completion, Numbers, View
from actors.scheduler.strategies.weighted import WEIGHTED

__all__ = [
    "DEFAULT_STRATEGY",
    "STRATEGIES",
    "Candidate",
    "Completion",
    "Numbers",
    "Strategy",
    "View",
    "find_strategy",
    "plain_name",
]

STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        SHORTEST_QUEUE,
        ROUND_ROBIN,
        WEIGHTED,
        PROBABILISTIC,
        POWER_OF_TWO,
        LEAST_LOADED,
        MIN_COMPLETION,
        TAIL,
        AFFINITY,
        ADAPTIVE,
    )
}
"""All that come with the scheduler, the guide's four first."""

DEFAULT_STRATEGY = SHORTEST_QUEUE.name


def find_strategy(name: str, known: Mapping[str, Strategy] = STRATEGIES) -> Strategy | None:
    """By `shortest_queue`, `ShortestQueue`, `shortest-queue` or any such spelling; None where there is none.

    A user's own, which has a colon in its name, is found by that name alone.
    """
    if ":" in name:
        return known.get(name)
    wanted = plain_name(name)
    return next((s for s in known.values() if ":" not in s.name and plain_name(s.name) == wanted), None)


def plain_name(name: str) -> str:
    """The same for all spellings of a name."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
