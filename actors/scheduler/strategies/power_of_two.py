"""`power_of_two`: of two instances drawn at random, the one with fewer tasks a place.

With n instances the longest queue falls from log n / log log n to log log n / log 2 (Azar et al., 1994; Mitzenmacher,
2001), at the cost of two looks whatever n is. What it is meant for are many schedulers that know little; with one that
knows all, it serves to compare.
"""

from __future__ import annotations

from math import inf

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """The loads of two, infinity for the others."""
    count = len(view.candidates)
    if count <= 2:
        return [candidate.load for candidate in view.candidates]
    pair = int(view.chance * count * (count - 1))
    first, second = pair // (count - 1), pair % (count - 1)
    drawn = (first, second + (second >= first))
    return [candidate.load if n in drawn else inf for n, candidate in enumerate(view.candidates)]


POWER_OF_TWO = Strategy(
    "power_of_two", "Of two instances drawn at random, the less loaded.", score=score, unit="tasks a place"
)
