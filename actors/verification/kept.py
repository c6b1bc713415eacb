"""Rule 1: whoever was told that a task is accepted finds it in the record."""

from __future__ import annotations

from actors.store import TaskRow
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.rules import Rule


def kept(given: Given, findings: Findings) -> Checker:
    """Ticks the acknowledged ids off as their rows come."""
    missing = set(given.acknowledged)
    findings.looked_at["acknowledged submits"] = len(missing)

    def task(row: TaskRow) -> None:
        missing.discard(row.task_id)

    def finish() -> None:
        if given.trimmed_until is not None:
            findings.unjudged["acknowledged tasks that may have been trimmed since"] += len(missing)
            return
        for task_id in sorted(missing):
            findings.add(Rule.KEPT, "was acknowledged and is not in the record", task_id)

    return Checker(Rule.KEPT, task=task, finish=finish)
