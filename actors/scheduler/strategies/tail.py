"""`tail`: where the task is all but sure to be done first.

Least 95 % quantile of the completion time: of two instances with the same mean the surer one is chosen. That is
what bounds the tail of latency (Dean and Barroso, *The Tail at Scale*, 2013, of which hedging is the other half; its
choice by quantile is that of C3, Suresh et al., NSDI 2015).
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """95 % quantiles of the completion times (ms from now)."""
    return [view.expects.completion(n).q95_ms for n in range(len(view.candidates))]


TAIL = Strategy(
    "tail",
    "The instance where this task is done earliest in 95 of 100 cases.",
    declines=True,
    sizes_tasks=True,
    score=score,
    unit="95 % quantile of completion (ms)",
)
