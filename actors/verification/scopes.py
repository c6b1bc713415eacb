"""Rule 4: from the start of a task to its end, return or suspension nothing runs that its scope overlaps."""

from __future__ import annotations

from collections.abc import Mapping

from actors.messages.scopes import overlap
from actors.scheduler.events import TaskBound, TaskClosed, TaskQueued, TaskRequeued, TaskSuspended
from actors.store import JournalEntry
from actors.verification.checker import Checker, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule


class Scopes:
    """The scopes of tasks that have not ended, and who holds theirs, by the scheduler's part of the journal."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._scopes: dict[str, str] = {}
        self._holders: dict[str, JournalEntry] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            TaskQueued: self._queued,
            TaskBound: self._bound,
            TaskRequeued: self._released,
            TaskSuspended: self._released,
            TaskClosed: self._closed,
        }
        return Checker(Rule.SCOPES, events=events)

    def _queued(self, entry: JournalEntry, event: TaskQueued) -> None:
        if event.spec.scope:
            self._scopes[event.task_id] = event.spec.scope

    def _bound(self, entry: JournalEntry, event: TaskBound) -> None:
        scope = self._scopes.get(event.task_id)
        if scope is None:
            return
        self._findings.looked_at["starts with a scope"] += 1
        for other, since in self._holders.items():
            if other != event.task_id and overlap(scope, self._scopes[other]):
                text = f"started with scope {scope!r} while {other} held {self._scopes[other]!r}"
                self._findings.add(Rule.SCOPES, text, event.task_id, since, entry)
        self._holders[event.task_id] = entry

    def _released(self, entry: JournalEntry, event: TaskRequeued | TaskSuspended) -> None:
        self._holders.pop(event.task_id, None)

    def _closed(self, entry: JournalEntry, event: TaskClosed) -> None:
        self._holders.pop(event.task_id, None)
        self._scopes.pop(event.task_id, None)
