"""Rule 10, of the table of tasks: each row is what the events about its task say."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from actors.agent import events as agent
from actors.dispatcher import events as dispatcher
from actors.scheduler import events as scheduler
from actors.store import SETTLED_AT_THE_END, JournalEntry, TaskRow, Transaction
from actors.task_lifecycle import TERMINAL
from actors.task_rows import note_row
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.kept_texts import is_kept
from actors.verification.rules import Rule

NOTED = (
    scheduler.TaskQueued,
    scheduler.TaskBound,
    scheduler.TaskRequeued,
    scheduler.TaskMoved,
    dispatcher.PushAccepted,
    agent.AttemptBegan,
    agent.PreemptionBegan,
    agent.RunSuspended,
    agent.TaskFinished,
)
COLUMNS = tuple(field.name for field in fields(TaskRow))


class Rows:
    """The row of every task in the journal, as its events give it: what memory grows with."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._rows: dict[str, list[Any]] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        return Checker(Rule.REPLAY, events=dict.fromkeys(NOTED, self._note), task=self._row, finish=self._finish)

    def _note(self, entry: JournalEntry, event: Any) -> None:
        change = note_row(Transaction(), event, entry.at)
        if not change:
            return
        if isinstance(event, scheduler.TaskQueued):
            row = TaskRow(**change)
            self._rows[event.task_id] = [getattr(row, name) for name in COLUMNS]
            return
        values = self._rows.get(event.task_id)
        if values is None or (values[_STATE] in TERMINAL and not SETTLED_AT_THE_END.isdisjoint(change)):
            return
        for name, value in change.items():
            values[_PLACE[name]] = value
        values[_PLACE["updated_at"]] = entry.at

    def _row(self, row: TaskRow) -> None:
        self._findings.looked_at["tasks"] += 1
        values = self._rows.pop(row.task_id, None)
        if values is None:
            self._findings.add(Rule.REPLAY, "has a row, and the journal does not say where it came from", row.task_id)
            return
        for name, replayed in zip(COLUMNS, values, strict=True):
            if not is_kept(replayed, stored := getattr(row, name)):
                text = f"its row has {name} {stored!r}, and its story {replayed!r}"
                self._findings.add(Rule.REPLAY, text, row.task_id)

    def _finish(self) -> None:
        for task_id, values in self._rows.items():
            if values[_STATE] in TERMINAL and self._given.may_be_trimmed(values[_PLACE["ended_at"]]):
                continue
            self._findings.add(Rule.REPLAY, "is in the journal and has no row", task_id)


_PLACE = {name: place for place, name in enumerate(COLUMNS)}
_STATE = _PLACE["state"]
