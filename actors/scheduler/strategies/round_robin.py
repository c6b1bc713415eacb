"""`round_robin`: one instance after the other.

Everybody gets as many tasks, whatever their speed or load (Nagle, RFC 970, 1985). By turns that are kept by
instance rather than by a counter over a list, which would skip some and serve others twice whenever the list changes.
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """Less the longer ago it was their turn."""
    return [-candidate.turn for candidate in view.candidates]


ROUND_ROBIN = Strategy(
    "round_robin", "One instance after the other.", takes_turns=True, score=score, unit="how far its turn is"
)
