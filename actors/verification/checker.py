"""A checker is a value: which rule it is about, and what of the record it wants to see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from actors.activity_reader import ActivityRow
from actors.store import JournalEntry, Lease, OutboxRow, Snapshot, TaskRow
from actors.verification.rules import Rule

OnEvent: TypeAlias = Callable[[JournalEntry, Any], None]


@dataclass(frozen=True, slots=True)
class Checker:
    """`events` are called with each event of these types, `entry` with every entry of the journal, in its order; then
    `task` and `activity` with each row, then `finish`."""

    rule: Rule
    events: Mapping[type, OnEvent] = field(default_factory=dict)
    entry: Callable[[JournalEntry], None] | None = None
    task: Callable[[TaskRow], None] | None = None
    activity: Callable[[ActivityRow], None] | None = None
    finish: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service was allowed: how often a task is tried, and how many tasks an agent runs at once."""

    max_attempts: int = 3
    agent_slots: int = 1
    slots_of: Mapping[str, int] = field(default_factory=dict)

    def slots(self, agent_id: str) -> int:
        """How many tasks this agent may run at once."""
        return self.slots_of.get(agent_id, self.agent_slots)


@dataclass(frozen=True, slots=True)
class Given:
    """What is known beside the journal and the rows.

    `drained`: everything is expected to be over. `trimmed_until`: tasks that ended up to then (Unix seconds) may have
    been dropped, with what the journal had of them; None where nothing ever was. `acknowledged` are the ids of tasks
    that somebody was told are accepted. `expected_dead` are the ids of the dead letters that there should be; None
    where any will do.
    """

    limits: Limits = field(default_factory=Limits)
    drained: bool = False
    trimmed_until: float | None = None
    leases: Sequence[Lease] = ()
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    outbox: Sequence[OutboxRow] = ()
    acknowledged: Collection[str] = ()
    dead_letters: Collection[str] = ()
    expected_dead: Collection[str] | None = None

    def may_be_trimmed(self, ended_at: float | None) -> bool:
        """Whether a task that ended then (None: unknown) may have been dropped."""
        return self.trimmed_until is not None and (ended_at is None or ended_at <= self.trimmed_until)
