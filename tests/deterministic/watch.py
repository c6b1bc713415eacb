"""What must hold at every moment: each transaction is read as it is written, each message as it comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.addresses import shard_of
from actors.agent import events as agent
from actors.envelope import Announcement, Envelope
from actors.envelope_json import decode_parcels
from actors.errands import PushToInstance
from actors.hosted_shards import ACTORS
from actors.messages.runtime import Sounding
from actors.messages.scopes import overlap
from actors.messages.tasks import TaskSpec
from actors.messages.wire import Codec
from actors.scheduler import events as scheduler
from actors.store import JournalEntry, Transaction
from actors.task_lifecycle import TERMINAL, TaskState
from tests.deterministic.node import MAX_ATTEMPTS, SHARDS

_KINDS = (
    scheduler.InstanceRegistered,
    scheduler.TaskQueued,
    scheduler.TaskBound,
    scheduler.TaskRequeued,
    scheduler.TaskSuspended,
    scheduler.TaskClosed,
    agent.AttemptPlaced,
    agent.TaskFinished,
)
_CODEC: Codec[Any] = Codec(_KINDS)
_NAMES = _CODEC.names


@dataclass(slots=True)
class Known:
    """What the record has said of a task so far. `runs_on` is the instance that it is bound to, "" for none."""

    spec: TaskSpec
    runs_on: str = ""
    bound: tuple[int, int] = (0, 0)
    placed: tuple[int, int] = (0, 0)
    end: TaskState | None = None
    is_closed: bool = False


@dataclass(slots=True)
class Watch:
    """`wrong` is called with the first promise that is broken. `epochs`: of each shard."""

    wrong: Callable[[str], None]
    slots_of: Callable[[str], int]
    entries: Callable[[], list[str]] = list
    result: Callable[[str], bytes] = lambda _: b""
    tasks: dict[str, Known] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    shards: dict[str, str] = field(default_factory=dict)
    inbox: set[str] = field(default_factory=set)
    stored: dict[str, set[str]] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    allowed: set[str] = field(default_factory=set)
    set_aside: set[str] = field(default_factory=set)

    def committed(self, work: Transaction) -> None:
        """This is part of the record now."""
        for append in work.appends:
            if append.epoch != self.epochs[append.shard]:
                self.wrong(f"{append.shard} was written under epoch {append.epoch}, in {self.epochs[append.shard]}")
        self._announces(work)
        entries = [entry for append in work.appends for entry in append.entries if entry.kind in _NAMES]
        for entry in sorted(entries, key=lambda entry: entry.at):
            self._read(entry)
        twice = self.inbox.intersection(work.inbox)
        if twice:
            self.wrong(f"{sorted(twice)} have had their effect twice")
        self.inbox.update(work.inbox)
        concerned = {self.shards[id_] for id_ in work.inbox if id_ in self.shards and id_ not in self.set_aside}
        concerned.update(row.shard for row in work.outbox)
        unfenced = sorted(concerned - {append.shard for append in work.appends})
        if unfenced:
            self.wrong(f"messages of {unfenced} were taken in or sent, whoever has these now")
        for row in work.outbox:
            self.stored[row.id] = {parcel.id for parcel in decode_parcels(row.body)}
            self.allowed |= self.stored[row.id]
        unsent = sorted(row_id for row_id in work.sent if not self.has_reached_all(row_id))
        if unsent:
            self.wrong(f"{unsent} are marked as sent, and are not")

    def has_reached_all(self, row_id: str) -> bool:
        """Whether everything in this row of an outbox has left the process that sent it."""
        return row_id in self.stored and self.stored[row_id] <= self.reached

    def arrived(self, envelopes: Sequence[Envelope]) -> None:
        """These have left the process that sent them; what actors say must be in the record by then."""
        for envelope in envelopes:
            self.reached.add(envelope.id)
            if envelope.to.kind in ACTORS:
                self.shards[envelope.id] = shard_of(envelope.to, SHARDS)
            if envelope.store_id and envelope.id not in self.allowed:
                self.wrong(f"{type(envelope.message).__name__} {envelope.id} was sent before it was stored")

    def announced(self, announcements: Sequence[Announcement]) -> None:
        """These are known to all."""
        for announcement in announcements:
            self.reached.add(announcement.id)
            if announcement.id not in self.allowed:
                self.wrong(f"{announcement.id} was announced before it was stored")

    def settled(self, envelopes: Sequence[Envelope]) -> None:
        """These will not come again, so that their effect must be in the record, where they are for an actor."""
        for envelope in envelopes:
            is_actors = envelope.to.kind in ACTORS and not isinstance(envelope.message, Sounding)
            if is_actors and envelope.id not in self.inbox and envelope.id not in self.set_aside:
                self.wrong(f"{type(envelope.message).__name__} {envelope.id} was settled before it was stored")

    def pushed(self, errand: PushToInstance) -> None:
        """An instance has been given this run."""
        known = self.tasks.get(errand.task_id)
        if known is None or known.placed < (errand.attempt, errand.resumption):
            self.wrong(f"{errand.task_id} attempt {errand.attempt} was pushed before it was stored")

    def _announces(self, work: Transaction) -> None:
        """Nothing is told of a task whose end is in the record."""
        parcels = [parcel for row in work.outbox for parcel in decode_parcels(row.body)]
        for parcel in (parcel for parcel in parcels if isinstance(parcel, Announcement)):
            for fact in msgspec.json.decode(parcel.body):
                known = self.tasks.get(fact["task_id"])
                if known is not None and known.end is not None:
                    self.wrong(f"{known.spec.task_id} is announced as {fact['state']} after its end")

    def _read(self, entry: JournalEntry) -> None:
        event = _CODEC.decode(entry.kind, entry.body)
        match event:
            case scheduler.InstanceRegistered():
                self.capacity[event.ti_uuid] = max(event.capacity, self.capacity.get(event.ti_uuid, 0))
            case scheduler.TaskQueued():
                if event.task_id in self.tasks:
                    self.wrong(f"{event.task_id} was admitted twice")
                self.tasks[event.task_id] = Known(event.spec)
            case scheduler.TaskBound():
                self._bind(self.tasks[event.task_id], event)
            case scheduler.TaskRequeued() | scheduler.TaskSuspended():
                self.tasks[event.task_id].runs_on = ""
            case scheduler.TaskClosed():
                self._close(self.tasks[event.task_id])
            case agent.AttemptPlaced():
                self._place(self.tasks[event.task_id], event)
            case agent.TaskFinished():
                self._finish(self.tasks[event.task_id], event)

    def _bind(self, known: Known, event: scheduler.TaskBound) -> None:
        run, spec = (event.attempt, event.resumption), known.spec
        if known.is_closed or known.runs_on:
            self.wrong(f"{event.task_id} was bound though it had ended or runs on {known.runs_on}")
        if run <= known.bound or run[0] > MAX_ATTEMPTS:
            self.wrong(f"{event.task_id} was bound as {run} after {known.bound}")
        running = [other for other in self.tasks.values() if other.runs_on]
        together = [other.spec.task_id for other in running if overlap(other.spec.scope, spec.scope)]
        if together:
            self.wrong(f"{event.task_id} was bound while {together} hold its scope")
        if sum(other.runs_on == event.ti_uuid for other in running) >= self.capacity[event.ti_uuid]:
            self.wrong(f"{event.ti_uuid} was given {event.task_id} beyond its capacity")
        alike = sum(other.spec.agent_id == spec.agent_id for other in running)
        if spec.has_own_agent and alike >= self.slots_of(spec.agent_id):
            self.wrong(f"agent {spec.agent_id} was given {event.task_id} beyond its slots")
        known.runs_on, known.bound = event.ti_uuid, run

    def _close(self, known: Known) -> None:
        if known.is_closed:
            self.wrong(f"{known.spec.task_id} was closed twice")
        known.is_closed, known.runs_on = True, ""

    def _place(self, known: Known, event: agent.AttemptPlaced) -> None:
        run = (event.attempt, event.resumption)
        if run <= known.placed or known.end is not None:
            self.wrong(f"{event.task_id} was placed as {run} after {known.placed}, ended: {known.end}")
        known.placed = run

    def _finish(self, known: Known, event: agent.TaskFinished) -> None:
        task_id = event.task_id
        if known.end is not None or event.state not in TERMINAL:
            self.wrong(f"{task_id} ended as {event.state} after it had ended as {known.end}")
        if event.attempt != known.placed[0]:
            self.wrong(f"{task_id} ended by attempt {event.attempt}, and {known.placed[0]} was the last")
        known.end = event.state
        if task_id in self.entries():
            self.wrong(f"{task_id} has ended, and still has an entry in its activity buffer")
        if event.state is TaskState.COMPLETED:
            said = msgspec.json.decode(self.result(task_id))
            if said["by"] != task_id or (said["said"] and (said["attempt"], said["resumption"]) != known.placed):
                self.wrong(f"{task_id} ended by the result of {said}, while {known.placed} counted")
