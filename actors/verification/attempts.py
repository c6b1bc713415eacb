"""Rules 3 and 7, of attempts: their numbers never fall nor pass the limit, and only the current one counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actors.agent.events import (
    AttemptAbandoned,
    AttemptBegan,
    AttemptPlaced,
    LateReportSeen,
    RunSuspended,
    TaskFinished,
)
from actors.store import JournalEntry
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule


@dataclass(slots=True)
class _Run:
    attempt: int
    resumption: int
    is_in_flight: bool = True


class Attempts:
    """The current run of each task that has not ended, as its agent has it."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._runs: dict[str, _Run] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            AttemptPlaced: self._placed,
            AttemptBegan: self._begun,
            AttemptAbandoned: self._abandoned,
            RunSuspended: self._suspended,
            TaskFinished: self._finished,
            LateReportSeen: self._late,
        }
        return Checker(Rule.CURRENT_ATTEMPT, events=events)

    def _placed(self, entry: JournalEntry, event: AttemptPlaced) -> None:
        self._findings.looked_at["attempts"] += 1
        before, limit = self._runs.get(event.task_id), self._given.limits.max_attempts
        run = (event.attempt, event.resumption)
        if before is not None and run <= (before.attempt, before.resumption):
            text = f"run {run} was placed after run {(before.attempt, before.resumption)}"
            self._findings.add(Rule.LEGAL_MOVES, text, event.task_id, entry)
        if before is None and run != (1, 0) and self._given.trimmed_until is None:
            self._findings.add(Rule.LEGAL_MOVES, f"its first run is {run}", event.task_id, entry)
        if before is not None and before.is_in_flight:
            text = f"run {run} was placed while run {(before.attempt, before.resumption)} was under way"
            self._findings.add(Rule.LEGAL_MOVES, text, event.task_id, entry)
        if not 1 <= event.attempt <= limit:
            text = f"attempt {event.attempt} is not within the limit of {limit}"
            self._findings.add(Rule.LEGAL_MOVES, text, event.task_id, entry)
        self._runs[event.task_id] = _Run(*run)

    def _begun(self, entry: JournalEntry, event: AttemptBegan) -> None:
        self._must_be_current(entry, event, "began")

    def _abandoned(self, entry: JournalEntry, event: AttemptAbandoned) -> None:
        self._must_be_current(entry, event, "was given up")
        if event.task_id in self._runs:
            self._runs[event.task_id].is_in_flight = False

    def _suspended(self, entry: JournalEntry, event: RunSuspended) -> None:
        self._must_be_current(entry, event, "gave way")
        if event.task_id in self._runs:
            self._runs[event.task_id].is_in_flight = False

    def _finished(self, entry: JournalEntry, event: TaskFinished) -> None:
        run = self._runs.pop(event.task_id, None)
        if run is None and self._given.trimmed_until is None:
            self._findings.add(Rule.CURRENT_ATTEMPT, "ended without a run", event.task_id, entry)
        elif run is not None and run.attempt != event.attempt:
            text = f"ended by attempt {event.attempt} while {run.attempt} was current"
            self._findings.add(Rule.CURRENT_ATTEMPT, text, event.task_id, entry)

    def _late(self, entry: JournalEntry, event: LateReportSeen) -> None:
        self._findings.looked_at["late reports"] += 1
        run = self._runs.get(event.task_id)
        if run is not None and run.is_in_flight and event.attempt == run.attempt and not run.resumption:
            text = f"a report of attempt {event.attempt}, which was current, was recorded as late"
            self._findings.add(Rule.CURRENT_ATTEMPT, text, event.task_id, entry)

    def _must_be_current(
        self, entry: JournalEntry, event: AttemptBegan | AttemptAbandoned | RunSuspended, what: str
    ) -> None:
        run = self._runs.get(event.task_id)
        if run is None:
            if self._given.trimmed_until is None:
                text = f"attempt {event.attempt} {what} and was never placed"
                self._findings.add(Rule.CURRENT_ATTEMPT, text, event.task_id, entry)
        elif run.attempt != event.attempt or not run.is_in_flight:
            state = "current" if run.is_in_flight else "over"
            text = f"attempt {event.attempt} {what} while {run.attempt} was {state}"
            self._findings.add(Rule.CURRENT_ATTEMPT, text, event.task_id, entry)
