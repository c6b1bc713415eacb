"""The states of a task and every legal move between them: one table.

The documentation draws its diagram from `MOVES`, the tests walk it, and the actors ask it.
"""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """Where a task is in its life."""

    QUEUED = "queued"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    PREEMPTING = "preempting"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


S = TaskState

MOVES: dict[TaskState, frozenset[TaskState]] = {
    # A queued task may end without starting: a late report of an earlier attempt, a cancel, a deadline.
    S.QUEUED: frozenset({S.DISPATCHED, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    # An instance may report the end before it has answered the push, so `running` can be jumped over.
    S.DISPATCHED: frozenset({S.RUNNING, S.QUEUED, S.PREEMPTING, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    S.RUNNING: frozenset({S.QUEUED, S.PREEMPTING, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    S.PREEMPTING: frozenset({S.SUSPENDED, S.QUEUED, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    S.SUSPENDED: frozenset({S.DISPATCHED, S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
    S.EXPIRED: frozenset(),
}

TERMINAL: frozenset[TaskState] = frozenset(state for state, moves in MOVES.items() if not moves)

# What a client of the guide ("Task Status Values") sees. Its loops wait for "completed" and
# nothing else, so every end says "completed" and the true state travels in an extra field.
TASK_STATUS: dict[TaskState, str] = {
    S.QUEUED: "queued",
    S.SUSPENDED: "queued",
    S.DISPATCHED: "scheduled",
    S.RUNNING: "scheduled",
    S.PREEMPTING: "scheduled",
    S.COMPLETED: "completed",
    S.FAILED: "completed",
    S.CANCELLED: "completed",
    S.EXPIRED: "completed",
}


def may_move(before: TaskState, after: TaskState) -> bool:
    """Whether the table allows this move."""
    return after in MOVES[before]
