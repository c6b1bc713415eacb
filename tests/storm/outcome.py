"""What the record says once the storm is over: submitted, completed, lost, doubled, and whether every promise holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actors.settings import Settings
from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL, TaskState
from actors.verification.rules import Rule
from tests.at_rest import at_rest
from tests.scenarios.executions import executions
from tests.storm.faults import Fault
from tests.storm.load import Load


@dataclass(slots=True)
class Outcome:
    """The figures. `broken` are the promises that do not hold, in words; nothing in it, and all is well."""

    submitted: int = 0
    acknowledged: int = 0
    tries: int = 0
    completed: int = 0
    otherwise_ended: int = 0
    lost: int = 0
    doubled: int = 0
    attempts: int = 0
    executed: int = 0
    executed_again: int = 0
    repeated: dict[str, float] = field(default_factory=dict)
    left_in_queues: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing was lost, nothing doubled, every promise holds."""
        return not (self.lost or self.doubled or self.broken)


async def read_outcome(settings: Settings, load: Load, repeated: dict[str, float]) -> tuple[Outcome, list[TaskRow]]:
    """The figures and the tasks. For a deployment that has stopped."""
    outcome = Outcome(len(load.requests), len(load.acknowledged), sum(r.tries for r in load.requests))
    outcome.refusals, outcome.repeated = load.refusals, repeated
    left = await at_rest(settings, load.acknowledged)
    over = {row.task_id for row in left.tasks if row.state in TERMINAL}
    outcome.completed = sum(1 for row in left.tasks if row.state is TaskState.COMPLETED)
    outcome.otherwise_ended = len(over) - outcome.completed
    outcome.lost = len(set(load.acknowledged) - over)
    outcome.doubled = left.findings.broken[Rule.ONE_END]
    outcome.attempts = sum(row.attempt for row in left.tasks)
    outcome.left_in_queues = left.left_in_queues
    outcome.broken = left.broken
    _count_executions(outcome, load.executions)
    return outcome, left.tasks


def _count_executions(outcome: Outcome, file: Path) -> None:
    ran = executions(file)
    outcome.executed = sum(ran.values())
    outcome.executed_again = sum(count - 1 for count in ran.values())


VITAL = ("service", "broker", "database")
"""Without these nothing is done; an outage of one hides how long another fault lasts."""


def recoveries(faults: Sequence[Fault], load: Load, rows: Sequence[TaskRow]) -> dict[str, list[tuple[float, float]]]:
    """By kind: how long until a task that was submitted after the fault had ended, from the fault and from its end.

    Left out are faults that fell into an outage of something vital.
    """
    ended = {row.task_id: row.ended_at for row in rows if row.ended_at is not None}
    done = [(r.begun_at, ended[r.task_id]) for r in load.requests if r.task_id in ended]
    by_kind: dict[str, list[tuple[float, float]]] = {}
    for fault in faults:
        back = min((end for begun, end in done if begun >= fault.at), default=None)
        if back is not None and not _is_hidden(fault, back, faults):
            by_kind.setdefault(fault.what, []).append((back - fault.at, max(0.0, back - fault.healed_at)))
    return by_kind


def _is_hidden(fault: Fault, back: float, faults: Sequence[Fault]) -> bool:
    return any(
        other is not fault
        and (other.whom in VITAL or "service to broker" in other.whom or "service to database" in other.whom)
        and other.at < back
        and other.healed_at > fault.at - 1.0
        for other in faults
    )
