"""`probabilistic`: a completion time is drawn for each instance, and the earliest gets the task.

Each draw is from the distribution of when the task would be done there: what is left of the running tasks, those that
wait, and its own execution time, as predicted. So an instance is chosen with the probability that it is the best
one, and the less is known, the more even the choice is (Thompson sampling, 1933). No two schedulers, and no two
tasks at once, run after the same instance.
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """The drawn completion times (ms from now)."""
    return [view.expects.completion(n).quantile(draw) for n, draw in enumerate(view.draws())]


PROBABILISTIC = Strategy(
    "probabilistic",
    "At random, as likely as the instance is the one that would be done first.",
    declines=True,
    sizes_tasks=True,
    score=score,
    unit="drawn completion (ms)",
)
