"""What the record says once the storm is over: submitted, completed, lost, doubled, and whether every promise holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL, TaskState
from actors.verification.rules import Rule
from tests.at_rest import at_rest
from tests.scenarios.executions import executions
from tests.storm.deployment import Deployment
from tests.storm.load import Load
from tests.storm.recovery import events

FENCED = "another process has taken shards"
LAPSED = "the lease has run out; nothing is decided until it is renewed"
"""What a process logs then: its counters end with it, what it has said does not."""


@dataclass(slots=True)
class Outcome:
    """The figures. `broken` are the promises that do not hold, in words; nothing in it, and all is well.

    `fenced`: transactions that the store refused, because another process had the shards. `lapsed`: how often a process
    noticed by its own clock that its lease had run out, and decided nothing until it had renewed it.
    """

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
    fenced: int = 0
    lapsed: int = 0
    left_in_queues: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing was lost, nothing doubled, every promise holds."""
        return not (self.lost or self.doubled or self.broken)


def pooled(outcomes: Iterable[Outcome]) -> Outcome:
    """All of them as one."""
    total = Outcome()
    for outcome in outcomes:
        for part in fields(Outcome):
            mine, other = getattr(total, part.name), getattr(outcome, part.name)
            setattr(total, part.name, Counter(mine) + Counter(other) if isinstance(mine, dict) else mine + other)
    return total


async def read_outcome(deployment: Deployment, load: Load, repeated: dict[str, float]) -> tuple[Outcome, list[TaskRow]]:
    """The figures and the tasks. For a deployment that has stopped."""
    outcome = Outcome(len(load.requests), len(load.acknowledged), sum(r.tries for r in load.requests))
    outcome.refusals, outcome.repeated = load.refusals, repeated
    left = await at_rest(deployment.settings(), load.acknowledged)
    over = {row.task_id for row in left.tasks if row.state in TERMINAL}
    outcome.completed = sum(1 for row in left.tasks if row.state is TaskState.COMPLETED)
    outcome.otherwise_ended = len(over) - outcome.completed
    outcome.lost = len(set(load.acknowledged) - over)
    outcome.doubled = left.findings.broken[Rule.ONE_END]
    outcome.attempts = sum(row.attempt for row in left.tasks)
    outcome.left_in_queues = left.left_in_queues
    outcome.broken = left.broken
    said = Counter(line["event"] for log in deployment.folder.glob("*.log") for line in events(log))
    outcome.fenced, outcome.lapsed = said[FENCED], said[LAPSED]
    _count_executions(outcome, load.executions)
    return outcome, left.tasks


def _count_executions(outcome: Outcome, file: Path) -> None:
    ran = executions(file)
    outcome.executed = sum(ran.values())
    outcome.executed_again = sum(count - 1 for count in ran.values())
