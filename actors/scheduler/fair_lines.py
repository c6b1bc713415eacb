"""The fair lines, as they follow from events: one a model and level.

Used by `evolve` alone. Tasks of another level neither use a client's share nor move the virtual time.
"""

from __future__ import annotations

from actors.scheduler.events import TaskQueued
from actors.scheduler.fair_line import FairLine
from actors.scheduler.state import SchedulerState, TaskEntry


def enter(state: SchedulerState, entry: TaskEntry, event: TaskQueued) -> None:
    """A task is admitted, to a fair line or another."""
    entry.share = event.share
    if entry.share is not None:
        line = (entry.spec.model_name, entry.share.level)
        state.fair.setdefault(line, FairLine()).enter(entry.share)


def start(state: SchedulerState, entry: TaskEntry, now: float) -> None:
    """A task is started; only the first time counts, for its client's share is used by then."""
    if entry.share is not None:
        line = (entry.spec.model_name, entry.share.level)
        state.fair[line].start(entry.share, now)
        _forget(state, entry, line)


def leave(state: SchedulerState, entry: TaskEntry) -> None:
    """A task has ended, maybe without ever being started."""
    if entry.share is not None:
        line = (entry.spec.model_name, entry.share.level)
        state.fair[line].leave(entry.share)
        _forget(state, entry, line)


def _forget(state: SchedulerState, entry: TaskEntry, line: tuple[str, int]) -> None:
    entry.share = None
    if state.fair[line].is_idle:
        del state.fair[line]
