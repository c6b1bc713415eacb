"""The rule about rows takes a change that came after the end for none, as the stores do."""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec.structs import replace

from actors.agent.events import TaskFinished
from actors.scheduler.events import TaskMoved, TaskQueued
from actors.store import JournalEntry, TaskRow
from actors.task_lifecycle import TaskState
from actors.verification.checker import Given
from actors.verification.findings import Findings
from actors.verification.rows import Rows
from tests.unit.scheduling import submit


def _findings(events: list[Any], row: TaskRow) -> list[str]:
    findings = Findings()
    checker = Rows(Given(), findings).checker()
    for at, event in enumerate(events):
        checker.events[type(event)](JournalEntry(at + 1, "one", float(at), "", "t1", type(event).__name__, b""), event)
    assert checker.task is not None
    checker.task(row)
    return [str(violation) for violation in findings.violations]


def test_a_task_that_is_moved_after_its_end_stays_where_it_was() -> None:
    """The scheduler hears of an end later than the agent that records it."""
    spec = replace(submit("t1").spec, submitted_at=0.0)
    events = [
        TaskQueued(spec, ("m",), "i1", 0.0),
        TaskFinished("t1", TaskState.COMPLETED, 1, "i1", 1.0),
        TaskMoved("t1", ""),
    ]
    row = TaskRow(
        "t1",
        spec.agent_id,
        spec.model_name,
        spec.priority,
        spec.scope,
        spec.origin,
        spec.digest,
        TaskState.COMPLETED,
        0.0,
        scheduled_ti="i1",
        ended_at=1.0,
        updated_at=1.0,
    )
    assert _findings(events, row) == []
    assert _findings(events, dataclasses.replace(row, scheduled_ti="")) != []
