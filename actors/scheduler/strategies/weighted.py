"""`weighted`: in proportion to the instances' weights, spread out.

nginx's smooth weighted round robin (`turns`). The weights are those of the configuration (`weights:`), or else how many
tasks each instance runs at once.
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """Less the more it is due a task."""
    return [-(candidate.turn + candidate.weight) for candidate in view.candidates]


WEIGHTED = Strategy(
    "weighted",
    "In proportion to the instances' weights, else their capacities.",
    takes_turns=True,
    by_weight=True,
    score=score,
    unit="how far its turn is, by weight",
)
