"""Rule 5, of places: no instance starts more than its capacity, no agent more than its slots."""

from __future__ import annotations

from collections.abc import Mapping

from actors.scheduler.events import (
    InstanceRegistered,
    InstanceRemoved,
    TaskBound,
    TaskClosed,
    TaskQueued,
    TaskRequeued,
    TaskSuspended,
)
from actors.store import JournalEntry
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule


class Capacity:
    """Who runs where, by the scheduler's part of the journal. Looked at when a task starts: a capacity may fall while
    more run."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._capacities: dict[str, int] = {}
        self._at: dict[str, tuple[str, str]] = {}
        self._running: dict[str, set[str]] = {}
        self._busy: dict[str, set[str]] = {}
        self._own: set[str] = set()

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            InstanceRegistered: self._registered,
            InstanceRemoved: self._removed,
            TaskQueued: self._queued,
            TaskBound: self._bound,
            TaskRequeued: self._freed,
            TaskSuspended: self._freed,
            TaskClosed: self._closed,
        }
        return Checker(Rule.IN_FLIGHT, events=events)

    def _registered(self, entry: JournalEntry, event: InstanceRegistered) -> None:
        self._capacities[event.ti_uuid] = event.capacity

    def _removed(self, entry: JournalEntry, event: InstanceRemoved) -> None:
        self._capacities.pop(event.ti_uuid, None)

    def _queued(self, entry: JournalEntry, event: TaskQueued) -> None:
        if event.spec.has_own_agent:
            self._own.add(event.task_id)

    def _bound(self, entry: JournalEntry, event: TaskBound) -> None:
        self._free(event.task_id)
        self._at[event.task_id] = (event.ti_uuid, event.agent_id)
        running = self._running.setdefault(event.ti_uuid, set())
        running.add(event.task_id)
        capacity = self._capacities.get(event.ti_uuid)
        if capacity is None:
            self._unknown(entry, event)
        elif len(running) > capacity:
            text = f"started on {event.ti_uuid}, which then ran {len(running)} with a capacity of {capacity}"
            self._findings.add(Rule.IN_FLIGHT, text, event.task_id, entry)
        else:
            self._findings.looked_at["starts within capacity"] += 1
        if event.task_id in self._own:
            busy, slots = self._busy.setdefault(event.agent_id, set()), self._given.limits.slots(event.agent_id)
            busy.add(event.task_id)
            if len(busy) > slots:
                text = f"started for {event.agent_id}, which then ran {len(busy)} on {slots} slots"
                self._findings.add(Rule.IN_FLIGHT, text, event.task_id, entry)

    def _unknown(self, entry: JournalEntry, event: TaskBound) -> None:
        if self._given.trimmed_until is None:
            text = f"started on {event.ti_uuid}, which is not registered"
            self._findings.add(Rule.IN_FLIGHT, text, event.task_id, entry)
        else:
            self._findings.unjudged["starts on instances whose registration has been trimmed"] += 1

    def _freed(self, entry: JournalEntry, event: TaskRequeued | TaskSuspended) -> None:
        self._free(event.task_id)

    def _closed(self, entry: JournalEntry, event: TaskClosed) -> None:
        self._free(event.task_id)
        self._own.discard(event.task_id)

    def _free(self, task_id: str) -> None:
        ti_uuid, agent_id = self._at.pop(task_id, ("", ""))
        for place, holders in ((ti_uuid, self._running), (agent_id, self._busy)):
            if place in holders:
                holders[place].discard(task_id)
                if not holders[place]:
                    del holders[place]
