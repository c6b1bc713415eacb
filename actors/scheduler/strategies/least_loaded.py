"""`least_loaded`: fewest tasks for each place, running or waiting.

Join-the-shortest-queue (Winston, 1977; `least_conn` of load balancers): optimal with equal instances and nothing known
of sizes, where tasks must be sent off at once. It needs no prediction, so that it is what others fall back to.
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """Tasks a place."""
    return [candidate.load for candidate in view.candidates]


LEAST_LOADED = Strategy("least_loaded", "The instance with fewest tasks a place.", score=score, unit="tasks a place")
