"""What the record says once the storm is over: submitted, completed, lost, doubled, and whether every promise holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiormq

from actors.addresses import all_shards
from actors.settings import Settings
from actors.store import TaskRow
from actors.stores import open_store
from actors.task_lifecycle import TERMINAL
from gateway.assembly import behaviours
from gateway.config_file import ConfigFile
from tests.properties import record
from tests.scenarios.executions import executions
from tests.storm.faults import Fault
from tests.storm.load import Load

SHARDS: int = Settings.model_fields["shards"].default
ENDS = "TaskFinished"
FENCED = ("another process now owns", "another process has taken shards", "shards were taken while this process")
"""What a process logs whose writes were refused, or that would have made some."""


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
    fenced: int = 0
    repeated: dict[str, float] = field(default_factory=dict)
    left_in_queues: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing was lost, nothing doubled, every promise holds."""
        return not (self.lost or self.doubled or self.broken)


async def read_outcome(
    url: str, amqp: str, load: Load, logs: Sequence[str], repeated: dict[str, float]
) -> tuple[Outcome, list[TaskRow]]:
    """The figures and the tasks. For a store that no process uses any more."""
    outcome = Outcome(len(load.requests), len(load.acknowledged), sum(r.tries for r in load.requests))
    outcome.refusals, outcome.repeated = load.refusals, repeated
    store = open_store(url)
    await store.open()
    try:
        rows = await store.tasks(limit=1_000_000)
        names = await store.shards()
        ends: Counter[str] = Counter()
        for name in names:
            if name.startswith("agent"):
                ends.update([entry.task_id async for entry in store.journal(name, 0) if entry.kind == ENDS])
        try:
            kinds = behaviours(Settings(), ConfigFile())
            await record.check_tasks(store, kinds, SHARDS, load.acknowledged)
        except AssertionError as error:
            outcome.broken.append(str(error)[:2000])
    finally:
        await store.close()
    _count(outcome, rows, ends, load)
    _count_executions(outcome, load.executions)
    outcome.fenced = sum(log.count(text) for log in logs for text in FENCED)
    outcome.left_in_queues = await messages_left(amqp)
    if outcome.left_in_queues:
        outcome.broken.append(f"{outcome.left_in_queues} messages were left in the queues, dead letters among them")
    return outcome, rows


def _count(outcome: Outcome, rows: list[TaskRow], ends: Counter[str], load: Load) -> None:
    over = {row.task_id for row in rows if row.state in TERMINAL and ends[row.task_id]}
    outcome.completed = sum(1 for row in rows if row.state.value == "completed")
    outcome.otherwise_ended = len(over) - outcome.completed
    outcome.lost = len(set(load.acknowledged) - over)
    outcome.doubled = sum(1 for count in ends.values() if count > 1)
    outcome.attempts = sum(row.attempt for row in rows)


def _count_executions(outcome: Outcome, file: Path) -> None:
    ran = executions(file)
    outcome.executed = sum(ran.values())
    outcome.executed_again = sum(count - 1 for count in ran.values())


async def messages_left(amqp: str) -> int:
    """How many messages the service's queues hold, dead letters too."""
    connection = await aiormq.connect(amqp)
    try:
        channel = await connection.channel()
        names = (*(f"swarm.{name}" for name in all_shards(SHARDS)), "swarm.dead")
        return sum([(await channel.queue_declare(name, passive=True)).message_count or 0 for name in names])
    finally:
        await connection.close()


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
