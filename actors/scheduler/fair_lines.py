"""The shares of clients in fair lines, as they follow from events: one line a model and level of importance.

Used by `evolve` alone. Tasks of another level neither use a client's share nor move the virtual time.
"""

from __future__ import annotations

from actors.scheduler.events import TaskQueued
from actors.scheduler.fair_shares import FairShares
from actors.scheduler.state import SchedulerState, TaskEntry


def enter(state: SchedulerState, entry: TaskEntry, event: TaskQueued) -> None:
    """A task is admitted, to a fair line or another."""
    entry.client = event.client
    if entry.client:
        line = (entry.spec.model_name, entry.spec.priority)
        state.fair.setdefault(line, FairShares()).enter(entry.client, event.finish, event.admitted_at)


def start(state: SchedulerState, entry: TaskEntry, now: float) -> None:
    """A task is started; only the first time counts, for its client's share is used by then."""
    if entry.client:
        line = (entry.spec.model_name, entry.spec.priority)
        state.fair[line].start(entry.key, now)
        _forget(state, entry, line)


def leave(state: SchedulerState, entry: TaskEntry) -> None:
    """A task has ended, maybe without ever being started."""
    if entry.client:
        line = (entry.spec.model_name, entry.spec.priority)
        state.fair[line].leave()
        _forget(state, entry, line)


def _forget(state: SchedulerState, entry: TaskEntry, line: tuple[str, int]) -> None:
    entry.client = ""
    if state.fair[line].is_idle:
        del state.fair[line]
