"""Rule 5, of activity entries: a task of an agent has its entry (or its refusal) before it runs, and until it ends."""

from __future__ import annotations

from collections.abc import Mapping

from actors.activity_reader import ActivityRow
from actors.agent.events import ActivityRefused, ActivityRegistered, AttemptPlaced, TaskExpected, TaskFinished
from actors.messages.tasks import IMPLICIT_AGENT
from actors.store import JournalEntry
from actors.task_lifecycle import TERMINAL
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule


class Entries:
    """The tasks of agents that have an entry, and those that were refused one, until they end."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._live: set[str] = set()
        self._refused: set[str] = set()

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            TaskExpected: self._registered,
            ActivityRegistered: self._registered,
            ActivityRefused: self._refuse,
            AttemptPlaced: self._placed,
            TaskFinished: self._finished,
        }
        return Checker(Rule.IN_FLIGHT, events=events, activity=self._row, finish=self._finish)

    def _registered(self, entry: JournalEntry, event: TaskExpected | ActivityRegistered) -> None:
        self._findings.looked_at["activity entries"] += 1
        if event.task_id in self._live:
            self._findings.add(Rule.IN_FLIGHT, "was given a second activity entry", event.task_id, entry)
        self._refused.discard(event.task_id)
        self._live.add(event.task_id)

    def _refuse(self, entry: JournalEntry, event: ActivityRefused) -> None:
        self._refused.add(event.task_id)

    def _placed(self, entry: JournalEntry, event: AttemptPlaced) -> None:
        if entry.key.startswith(IMPLICIT_AGENT) or event.task_id in self._live or event.task_id in self._refused:
            return
        if self._given.trimmed_until is None:
            text = "runs with neither an activity entry nor a refusal of one"
            self._findings.add(Rule.IN_FLIGHT, text, event.task_id, entry)

    def _finished(self, entry: JournalEntry, event: TaskFinished) -> None:
        self._live.discard(event.task_id)
        self._refused.discard(event.task_id)

    def _row(self, row: ActivityRow) -> None:
        if row.status != "live":
            return
        if row.state in TERMINAL:
            self._findings.add(Rule.IN_FLIGHT, f"is {row.state} and its activity entry is live", row.task_id)
        elif row.task_id not in self._live:
            text = "its activity entry is live, and the journal says that it has none"
            self._findings.add(Rule.IN_FLIGHT, text, row.task_id)
        self._live.discard(row.task_id)

    def _finish(self) -> None:
        for task_id in sorted(self._live):
            text = "has not ended, and its activity entry is not among the live ones"
            self._findings.add(Rule.IN_FLIGHT, text, task_id)
