"""Facts for listeners: each change of a task's state, published on `swarm.events` as `task.<state>.<agent>`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from actors.envelope import Announcement

SHOWN = ("state", "model_name", "priority", "scheduled_ti", "attempt", "execution_ms", "error", "error_code")
"""The columns of a task's row that listeners are shown when they change."""


@dataclass(frozen=True, slots=True)
class Fact:
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
