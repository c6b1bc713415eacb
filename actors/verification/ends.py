"""Rule 2: a task ends once, with its agent first and then with the scheduler, and stays as it ended."""

from __future__ import annotations

from collections.abc import Mapping

from actors.agent.events import TaskFinished
from actors.scheduler.events import TaskClosed, TaskQueued
from actors.store import JournalEntry, TaskRow
from actors.task_lifecycle import TERMINAL, TaskState
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule


class Ends:
    """The ends so far: the state and the time of each, and which of them the scheduler knows."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._ended: dict[str, tuple[TaskState, float]] = {}
        self._open: set[str] = set()

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            TaskQueued: self._queued,
            TaskFinished: self._finished,
            TaskClosed: self._closed,
        }
        return Checker(Rule.ONE_END, events=events, task=self._row, finish=self._finish)

    def _queued(self, entry: JournalEntry, event: TaskQueued) -> None:
        before = self._ended.pop(event.task_id, None)
        if event.task_id in self._open or (before is not None and not self._given.may_be_trimmed(before[1])):
            self._findings.add(Rule.ONE_END, "was admitted twice", event.task_id, entry)
        self._open.add(event.task_id)

    def _finished(self, entry: JournalEntry, event: TaskFinished) -> None:
        if event.task_id in self._ended:
            before, _ = self._ended[event.task_id]
            self._findings.add(
                Rule.ONE_END, f"ended as {event.state} after it had ended as {before}", event.task_id, entry
            )
            return
        self._findings.looked_at["ends"] += 1
        self._ended[event.task_id] = (TaskState(event.state), entry.at)

    def _closed(self, entry: JournalEntry, event: TaskClosed) -> None:
        is_open = event.task_id in self._open
        self._open.discard(event.task_id)
        end = self._ended.get(event.task_id)
        if not is_open and self._given.trimmed_until is None:
            self._findings.add(Rule.ONE_END, "was closed twice by the scheduler", event.task_id, entry)
        elif is_open and end is None:
            self._findings.add(Rule.ONE_END, "was closed by the scheduler and never ended", event.task_id, entry)
        elif end is not None and end[0] != event.state:
            self._findings.add(Rule.ONE_END, f"was closed as {event.state} and ended as {end[0]}", event.task_id, entry)

    def _row(self, row: TaskRow) -> None:
        end, _ = self._ended.get(row.task_id, (None, 0.0))
        if end is not None and row.state is not end:
            self._findings.add(Rule.ONE_END, f"is {row.state} and ended as {end}", row.task_id)
        elif end is None and row.state in TERMINAL:
            self._findings.add(Rule.ONE_END, f"is {row.state} and nothing says that it ended", row.task_id)
        elif end is None and self._given.drained:
            self._findings.add(Rule.ONE_END, f"is {row.state} and has no end", row.task_id)

    def _finish(self) -> None:
        if self._given.drained:
            for task_id in sorted(self._open & self._ended.keys()):
                self._findings.add(Rule.ONE_END, "has ended and the scheduler was never told", task_id)
