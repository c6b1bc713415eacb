"""Rule 3, of tasks: they move from state to state as `actors.task_lifecycle` allows."""

from __future__ import annotations

from typing import Any

from actors.agent import events as agent
from actors.scheduler import events as scheduler
from actors.store import JournalEntry
from actors.task_lifecycle import TERMINAL, TaskState, may_move
from actors.task_rows import changed_columns
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.rules import Rule

MOVING = (
    scheduler.TaskBound,
    scheduler.TaskRequeued,
    agent.AttemptBegan,
    agent.PreemptionBegan,
    agent.RunSuspended,
    agent.TaskFinished,
)


class TaskMoves:
    """The state of every task, as the journal goes on.

    The scheduler may still move a task that has ended, until it hears of the end: that changes nothing, as the store
    holds to the end.
    """

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._states: dict[str, TaskState] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        return Checker(
            Rule.LEGAL_MOVES, events={scheduler.TaskQueued: self._queued, **dict.fromkeys(MOVING, self._move)}
        )

    def _queued(self, entry: JournalEntry, event: scheduler.TaskQueued) -> None:
        self._states[event.task_id] = TaskState.QUEUED

    def _move(self, entry: JournalEntry, event: Any) -> None:
        after: TaskState | None = changed_columns(event, entry.at).get("state")
        if after is None:
            return
        before = self._states.get(event.task_id)
        if before is None:
            if self._given.trimmed_until is None:
                self._findings.add(Rule.LEGAL_MOVES, f"becomes {after} and was never admitted", event.task_id, entry)
            return
        if before in TERMINAL:
            return
        self._findings.looked_at["moves of tasks"] += 1
        if before != after and not may_move(before, after):
            self._findings.add(Rule.LEGAL_MOVES, f"moved from {before} to {after}", event.task_id, entry)
        self._states[event.task_id] = TaskState(after)
