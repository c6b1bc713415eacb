"""A placement strategy: which of the candidates a task goes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from actors.scheduler.strategies.view import View

Score: TypeAlias = Callable[[View], Sequence[float]]
"""A number for each candidate; the least is best. Infinity: only where all are."""

Choose: TypeAlias = Callable[[View], int]
"""The index of the chosen candidate."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to choose, by the name that configuration and `/scheduler/set` use.

    A `pooled` strategy keeps one common line, from which an instance with a place free takes the next task; the others
    give each instance a line of its own. Who is idle then takes what waits for others: always or, where the strategy
    `declines`, only if the task is expected to be done sooner so. `takes_turns`: choices move the turns of all
    candidates on, evenly or `by_weight`. `sizes_tasks`: the execution times of waiting tasks count, and are predicted
    at admission. `score` says what choices go by, `unit` what that is; a user's own strategy has a `choice` instead.
    """

    name: str
    description: str
    pooled: bool = False
    declines: bool = False
    takes_turns: bool = False
    by_weight: bool = False
    sizes_tasks: bool = False
    score: Score | None = None
    unit: str = ""
    choice: Choose | None = None

    def choose(self, view: View) -> int:
        """The index of one of the candidates: the least score; ties by tasks in flight, then in rotation."""
        if self.score is None:
            return self.choice(view) if self.choice is not None else 0
        return least(view, self.score(view))


def least(view: View, scores: Sequence[float]) -> int:
    """The candidate of the least score; ties by tasks in flight, then in rotation, never by id."""
    best = min(scores)
    tied = [n for n, score in enumerate(scores) if score == best]
    if len(tied) == 1:
        return tied[0]
    candidates, count, rotation = view.candidates, len(scores), view.rotation
    return min(tied, key=lambda n: (candidates[n].in_flight, (n - rotation) % count))
