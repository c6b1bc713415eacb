"""Rule 10, of actors: replaying a shard's journal gives its snapshot, and what comes after can be applied to it.

Where history has been trimmed, the replay begins with the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from actors.addresses import ActorKind, kind_of_shard
from actors.behaviour import AnyBehaviour
from actors.scheduler import SchedulerState
from actors.store import JournalEntry, Snapshot
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.rules import Rule

States = dict[str, Any]


class Replay:
    """The states of all actors, as the journal goes on: only of what is under way, whatever the journal's length."""

    def __init__(self, behaviours: Mapping[ActorKind, AnyBehaviour], given: Given, findings: Findings) -> None:
        self._behaviours = behaviours
        self._given = given
        self._findings = findings
        self._states: dict[str, States] = {}
        self._failed: set[str] = set()
        self._due = dict(given.snapshots)

    @property
    def scheduler(self) -> SchedulerState | None:
        """The scheduler as it was before the entry that is looked at; None where that is not known."""
        for key, state in self._states.get("scheduler", {}).items():
            if "scheduler" not in self._failed:
                assert isinstance(state, SchedulerState), key
                return state
        return None

    def apply(self, entry: JournalEntry, event: Any) -> None:
        """The next entry of its shard, decoded."""
        shard = entry.shard
        if shard in self._failed or self._is_before_start(entry):
            return
        behaviour = self._behaviours[kind_of_shard(shard)]
        states = self._states.setdefault(shard, {})
        try:
            if entry.key not in states:
                states[entry.key] = behaviour.initial(entry.key)
            behaviour.evolve(states[entry.key], event)
        except Exception as error:
            self._failed.add(shard)
            self._findings.add(Rule.REPLAY, f"cannot be replayed: {error!r}", entry.task_id, entry)
            return
        self._findings.looked_at["events replayed"] += 1
        snapshot = self._due.get(shard)
        if snapshot is not None and snapshot.seq == entry.seq:
            del self._due[shard]
            self._compare(shard, snapshot)

    def checker(self) -> Checker:
        """What is left to say at the end."""
        return Checker(Rule.REPLAY, finish=self._finish)

    def _is_before_start(self, entry: JournalEntry) -> bool:
        """Whether the snapshot, with which this shard's replay begins, has the entry in it."""
        if self._given.trimmed_until is None or entry.shard not in self._given.snapshots:
            return False
        snapshot = self._given.snapshots[entry.shard]
        if entry.seq <= snapshot.seq:
            self._findings.unjudged["entries before a snapshot that stands for trimmed history"] += 1
            return True
        if self._due.pop(entry.shard, None) is not None:
            self._states[entry.shard] = self._loaded(entry.shard, snapshot)
        return False

    def _loaded(self, shard: str, snapshot: Snapshot) -> States:
        behaviour = self._behaviours[kind_of_shard(shard)]
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(behaviour.snapshot_type)
        return {key: behaviour.load(key, decoder.decode(body)) for key, body in snapshot.actors.items()}

    def _compare(self, shard: str, snapshot: Snapshot) -> None:
        behaviour, states = self._behaviours[kind_of_shard(shard)], self._states[shard]
        replayed = {
            key: msgspec.json.decode(msgspec.json.encode(behaviour.dump(state)))
            for key, state in states.items()
            if not behaviour.is_blank(state)
        }
        for key in sorted(replayed.keys() | snapshot.actors.keys()):
            kept = snapshot.actors.get(key)
            self._findings.looked_at["actors compared with their snapshot"] += 1
            stored = self._as_now(behaviour, kept) if kept is not None else None
            if stored != replayed.get(key):
                text = f"the snapshot of {shard}/{key} at {snapshot.seq} {_difference(stored, replayed.get(key))}"
                self._findings.add(Rule.REPLAY, text)

    def _as_now(self, behaviour: AnyBehaviour, body: bytes) -> Any:
        """The stored state with the fields that this version gives it."""
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(behaviour.snapshot_type)
        return msgspec.json.decode(msgspec.json.encode(decoder.decode(body)))

    def _finish(self) -> None:
        if self._given.trimmed_until is None:
            for shard, snapshot in self._due.items():
                if shard not in self._failed:
                    text = f"the snapshot of {shard} is of entry {snapshot.seq}, which is not in the journal"
                    self._findings.add(Rule.REPLAY, text)


def _difference(stored: Any, replayed: Any) -> str:
    """In which fields they differ."""
    if stored is None or replayed is None:
        return "has no such actor" if stored is None else "has an actor that its journal does not give"
    fields = [name for name in replayed if stored.get(name) != replayed[name]]
    return f"differs from its journal in {', '.join(fields)}"
