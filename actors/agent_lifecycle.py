"""The states of an agent and every legal move between them: one table.

It is about agents that a client named. The documentation draws its diagram from `MOVES`, the tests walk it, and the
agent asks it.
"""

from __future__ import annotations

from enum import StrEnum


class LifecycleState(StrEnum):
    """How an agent is."""

    INITIALIZING = "initializing"
    RUNNABLE = "runnable"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    WAITING = "waiting"
    WAITING_RESOURCES = "waiting_resources"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    COMPLETED = "completed"
    FAILED = "failed"
    SHUTTING_DOWN = "shutting_down"
    RECOVERING = "recovering"


S = LifecycleState

_AT_REST = frozenset({S.RUNNABLE, S.WAITING, S.WAITING_RESOURCES, S.SUSPENDED, S.COMPLETED, S.RECOVERING})
"""What an agent with nothing under way may be, once it is known who can run its tasks."""

MOVES: dict[LifecycleState, frozenset[LifecycleState]] = {
    S.INITIALIZING: frozenset({S.RUNNABLE, S.WAITING, S.RECOVERING, S.SCHEDULED, S.SHUTTING_DOWN, S.FAILED}),
    # Tasks come and workers go while nothing is under way: it never runs without having been scheduled.
    S.RUNNABLE: _AT_REST - {S.RUNNABLE, S.SUSPENDED} | {S.SCHEDULED, S.SHUTTING_DOWN},
    S.WAITING: _AT_REST - {S.WAITING, S.SUSPENDED} | {S.SCHEDULED, S.SHUTTING_DOWN},
    S.WAITING_RESOURCES: _AT_REST - {S.WAITING_RESOURCES, S.SUSPENDED} | {S.SCHEDULED, S.SHUTTING_DOWN, S.FAILED},
    S.SUSPENDED: _AT_REST - {S.SUSPENDED} | {S.SCHEDULED, S.RESUMED, S.SHUTTING_DOWN, S.FAILED},
    S.RECOVERING: _AT_REST - {S.RECOVERING} | {S.SCHEDULED, S.RESUMED, S.SHUTTING_DOWN, S.FAILED},
    S.COMPLETED: _AT_REST - {S.COMPLETED} | {S.SCHEDULED, S.RESUMED, S.SHUTTING_DOWN},
    # One of several that are on their way may be a resumed one; an instance may report before it says that it began.
    S.SCHEDULED: _AT_REST | {S.RESUMED, S.RUNNING, S.SHUTTING_DOWN},
    S.RESUMED: _AT_REST | {S.SCHEDULED, S.RUNNING, S.SHUTTING_DOWN},
    S.RUNNING: _AT_REST | {S.SCHEDULED, S.RESUMED, S.SHUTTING_DOWN},
    # A worker that attaches again ends a shutdown, whatever is under way then.
    S.SHUTTING_DOWN: _AT_REST | {S.SCHEDULED, S.RESUMED, S.RUNNING, S.FAILED},
    # A failure is over when somebody can run its tasks again, or one starts; not because it still waits.
    S.FAILED: frozenset({S.RUNNABLE, S.WAITING, S.SCHEDULED, S.RESUMED, S.SHUTTING_DOWN}),
}

TIMEOUT_CODE: dict[LifecycleState, str] = {
    S.INITIALIZING: "initializing_timeout",
    S.WAITING_RESOURCES: "waiting_resources_timeout",
    S.SUSPENDED: "suspended_timeout",
    S.RECOVERING: "recovering_timeout",
    S.SHUTTING_DOWN: "shutdown_timeout",
}
"""The states that an agent may not stay in for ever, and the code with which it has FAILED when it does."""


def may_move(before: LifecycleState, after: LifecycleState) -> bool:
    """Whether the table allows this move."""
    return after in MOVES[before]
