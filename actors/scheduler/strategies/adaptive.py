"""`adaptive`: by load while little is known of execution times, by their 95 % quantile from then on.

A prediction from a handful of reports is worse than none: a single long task makes an instance look slow, and one that
looks slow gets no task to show otherwise. So it goes by `least_loaded` until every instance has reported enough, and
again after one has come, then by `tail`.
"""

from __future__ import annotations

from actors.scheduler.strategies import least_loaded, tail
from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """As one of the two has it."""
    return tail.score(view) if view.expects.are_warm() else least_loaded.score(view)


ADAPTIVE = Strategy(
    "adaptive",
    "The least loaded while execution times are being learnt, then as tail.",
    declines=True,
    sizes_tasks=True,
    score=score,
    unit="95 % quantile of completion (ms); tasks a place while little is known",
)
