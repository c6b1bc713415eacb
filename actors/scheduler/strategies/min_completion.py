"""`min_completion`: where the task is expected to be done first, by predictions for each instance and task.

Minimum completion time (MCT) of Maheswaran et al., *Dynamic matching and scheduling of a class of independent tasks
onto heterogeneous computing systems* (1999): what is left of the running tasks, the predicted times of those that wait,
and of this very task, all on this very instance. An idle slow one is left alone while a busy fast one is done sooner.
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """Means of the completion times (ms from now)."""
    return [view.expects.completion(n).mean_ms for n in range(len(view.candidates))]


MIN_COMPLETION = Strategy(
    "min_completion",
    "The instance where this task is predicted to be done first.",
    declines=True,
    sizes_tasks=True,
    score=score,
    unit="expected completion (ms)",
)
