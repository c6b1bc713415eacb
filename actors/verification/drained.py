"""Rule 11: once all is quiet, nothing is under way any more, and no message is dead but those that had to be."""

from __future__ import annotations

from actors.activity_reader import ActivityRow
from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.rules import Rule


def drained(given: Given, findings: Findings) -> Checker:
    """Says nothing of a record that need not be quiet, but for its dead letters."""

    def task(row: TaskRow) -> None:
        if row.state not in TERMINAL:
            findings.looked_at["tasks under way"] += 1
            if given.drained:
                findings.add(Rule.DRAINED, f"is still {row.state}", row.task_id)

    def activity(row: ActivityRow) -> None:
        if given.drained and row.status == "live":
            findings.add(Rule.DRAINED, "its activity entry is still live", row.task_id)

    def finish() -> None:
        findings.looked_at["dead letters"] += len(given.dead_letters)
        if given.drained and given.outbox:
            findings.add(Rule.DRAINED, f"{len(given.outbox)} messages still have to be sent")
        if given.expected_dead is None:
            return
        dead, expected = set(given.dead_letters), set(given.expected_dead)
        for letter in sorted(dead - expected):
            findings.add(Rule.DRAINED, f"message {letter} is among the dead letters, and was not expected to be")
        for letter in sorted(expected - dead):
            findings.add(Rule.DRAINED, f"message {letter} is not among the dead letters, and was expected to be")

    return Checker(Rule.DRAINED, task=task, activity=activity, finish=finish)
