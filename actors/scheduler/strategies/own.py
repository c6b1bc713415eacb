"""A user's own strategy: a function of theirs, the result of which is checked on every call.

Whatever it does, the task is placed: where it raises, or answers what names no candidate, the least loaded gets the
task, the fault is counted, and once in a while somebody is told.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.scheduler.strategies.least_loaded import LEAST_LOADED
from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View

WARN_EVERY_S = 60.0


class Guard:
    """The function with its checks. `faults` counts the calls that it did not answer as it must, in this process."""

    def __init__(self, name: str, function: Callable[[View], object]) -> None:
        self.name = name
        self.faults = 0
        self._function = function
        self._untold = ""
        self._told_at = float("-inf")

    def choose(self, view: View) -> int:
        """Its choice, if that is one."""
        try:
            answer = self._function(view)
        except Exception as failure:
            return self._fall_back(view, f"raised {type(failure).__name__}: {failure}")
        if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(view.candidates):
            return answer
        count = len(view.candidates)
        return self._fall_back(view, f"must return the index of a candidate, 0 to {count - 1}; got {answer!r:.100}")

    def take_warning(self, now: float) -> str:
        """What is to be told of it now (Unix seconds); "" where nothing is, or somebody was told a short while ago."""
        if not self._untold or now - self._told_at < WARN_EVERY_S:
            return ""
        told, self._untold, self._told_at = self._untold, "", now
        return told

    def _fall_back(self, view: View, fault: str) -> int:
        self.faults += 1
        self._untold = fault
        return LEAST_LOADED.choose(view)


def own_strategy(name: str, function: Callable[[View], object]) -> tuple[Strategy, Guard]:
    """The strategy that is called `name` (module:function), and what watches over it."""
    guard = Guard(name, function)
    strategy = Strategy(name, "A strategy of your own.", sizes_tasks=True, choice=guard.choose)
    return strategy, guard
