"""Facts for listeners: each change of a task's state, published on `swarm.events` as `task.<state>.<agent>`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from actors.agent import events as agent
from actors.envelope import Announcement
from actors.scheduler import events as scheduler
from actors.task_lifecycle import TaskState

SHOWN = ("state", "model_name", "priority", "scheduled_ti", "attempt", "execution_ms", "error", "error_code")
"""The columns of a task's row that listeners are shown when they change."""


def told_of(event: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    """What listeners are told of an event that changes these columns of its task's row; empty where nothing is.

    That a task is started, or goes back into the line, they hear from its agent, which also ends it: the scheduler may
    decide either before it has heard of the end.
    """
    match event:
        case scheduler.TaskBound() | scheduler.TaskRequeued():
            return {}
        case agent.AttemptPlaced():
            return {"state": TaskState.DISPATCHED, "scheduled_ti": event.ti_uuid, "attempt": event.attempt}
        case agent.AttemptAbandoned():
            return {"state": TaskState.QUEUED}
        case _:
            return dict(columns) if "state" in columns else {}


class Fact(msgspec.Struct, frozen=True):
    """A task came into another state at `at` (Unix seconds); `columns` are what changed in its row."""

    shard: str
    task_id: str
    agent_id: str
    at: float
    columns: dict[str, Any]

    @property
    def topic(self) -> str:
        """The routing key: dots in the agent's id would be read as separators, so they become underscores."""
        return f"task.{self.columns['state']}.{self.agent_id.replace('.', '_')}"

    def shown(self) -> dict[str, Any]:
        """The fact as listeners get it."""
        changed = {name: self.columns[name] for name in SHOWN if name in self.columns}
        return {"task_id": self.task_id, "agent_id": self.agent_id, "at": self.at, **changed}


def announcements(facts: Sequence[Fact], new_id: Callable[[str], str]) -> Iterator[tuple[str, Announcement]]:
    """One announcement per shard and topic, with its facts in order. `new_id` takes a shard's name."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for fact in facts:
        grouped.setdefault((fact.shard, fact.topic), []).append(fact.shown())
    for (shard, topic), shown in grouped.items():
        yield shard, Announcement(new_id(shard), topic, msgspec.json.encode(shown))
