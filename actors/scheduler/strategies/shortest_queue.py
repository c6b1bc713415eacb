"""`shortest_queue`: least expected completion, by the numbers of tasks.

The default. Each instance's tasks, running or waiting, times what tasks take there on average, and the new one on top
(Mitzenmacher's *shortest expected delay*; with equal instances it is join-the-shortest-queue, Winston, 1977). Its real
strength is the common line: the choice is what the submitter is told, while a task is bound only when a place is free,
and not to a slow one while waiting for a faster ends sooner (`lookahead`).
"""

from __future__ import annotations

from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View


def score(view: View) -> list[float]:
    """When the task would be done (ms from now), all tasks taken to be alike."""
    mean_ms = view.expects.mean_ms
    return [completion_ms(c.in_flight + c.waiting, c.capacity, mean_ms(n)) for n, c in enumerate(view.candidates)]


def completion_ms(tasks: int, capacity: int, mean_ms: float) -> float:
    """When one more would be done behind so many tasks that take so long each."""
    return tasks * mean_ms / capacity + mean_ms


SHORTEST_QUEUE = Strategy(
    "shortest_queue",
    "The instance that is expected to be done with the task first; one line for all.",
    pooled=True,
    score=score,
    unit="expected completion by the number of tasks (ms)",
)
