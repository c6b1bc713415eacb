"""One shard in memory: its actors, rebuilt from the store, and when each wants to be woken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from actors.behaviour import AnyBehaviour
from actors.deadlines import Deadlines
from actors.messages.wire import Codec
from actors.store import JournalEntry, Lease, Snapshot, Store

SNAPSHOT_WORTH = 2
"""A snapshot is due once the journal has grown by this many times the size of the last snapshot's state."""


class Shard:
    """The actors of one shard. State is written by `apply` alone, and only with events that get stored."""

    def __init__(self, lease: Lease, behaviour: AnyBehaviour, *, messages_sent: int = 0) -> None:
        self.name = lease.shard
        self.epoch = lease.epoch
        self.store_id = lease.store_id
        self.seq = 0
        self.behaviour = behaviour
        self.wakeups = Deadlines()
        self.entries: list[JournalEntry] = []
        self._states: dict[str, Any] = {}
        self._asleep_until: dict[str, float] = {}
        self._codec: Codec[Any] = Codec(behaviour.event_types)
        self._messages_sent = messages_sent
        self._snapshot_seq = 0
        self._snapshot_bytes = 0

    @property
    def lease(self) -> Lease:
        """The right to write, and how far it has got."""
        return Lease(self.name, self.epoch, self.seq, self.store_id)

    @property
    def keys(self) -> list[str]:
        """The actors that have a state."""
        return list(self._states)

    def state(self, key: str) -> Any:
        """The actor's state; one that has nothing to remember yet has the initial one, which is not kept."""
        state = self._states.get(key)
        return self.behaviour.initial(key) if state is None else state

    def next_message_id(self) -> str:
        """A new id: never given before by this owner, nor, the epoch being in it, by any other."""
        self._messages_sent += 1
        return f"{self.name}:{self.epoch}:{self._messages_sent}"

    def apply(self, key: str, events: Sequence[Any], cause: str, now: float) -> None:
        """Evolve the actor by new events and keep them for the transaction."""
        state = self._states[key] = self.state(key)
        for event in events:
            self.behaviour.evolve(state, event)
            self.seq += 1
            kind, body = self._codec.encode(event)
            task_id = getattr(event, "task_id", "")
            self.entries.append(JournalEntry(self.seq, key, now, cause, task_id, kind, body))

    def reborn(self) -> Shard:
        """An empty shard in this one's place, to be loaded, that never repeats a message id."""
        return Shard(self.lease, self.behaviour, messages_sent=self._messages_sent)

    def plan_wakeup(self, key: str, not_before: float = 0.0) -> None:
        """Note when the actor wants to be woken next."""
        due = self.behaviour.next_due(self.state(key))
        if due is None:
            self.wakeups.cancel(key)
        else:
            self.wakeups.set(key, max(due, not_before, self._asleep_until.get(key, 0.0)))

    def let_sleep(self, key: str, until: float) -> None:
        """Do not wake this actor before, whatever it decides meanwhile (Unix seconds)."""
        self._asleep_until[key] = until
        self.plan_wakeup(key)

    async def load(self, store: Store, *, is_told: bool = False) -> None:
        """Rebuild every actor: the newest snapshot, then the events after it.

        `is_told`: each will be told that it goes on (`Resumed`), and is not woken before by a time that has come.
        """
        snapshot = await store.snapshot(self.name)
        if snapshot is not None:
            decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.behaviour.snapshot_type)
            for key, body in snapshot.actors.items():
                self._states[key] = self.behaviour.load(key, decoder.decode(body))
                self._snapshot_bytes += len(body)
            self.seq = self._snapshot_seq = snapshot.seq
        async for entry in store.journal(self.name, self._snapshot_seq):
            state = self._states[entry.key] = self.state(entry.key)
            self.behaviour.evolve(state, self._codec.decode(entry.kind, entry.body))
            self.seq = entry.seq
        for key in () if is_told else self._states:
            self.plan_wakeup(key)

    def snapshot_is_due(self, every: int) -> bool:
        """Whether replaying what came since the last snapshot would take longer than reading a new one."""
        grown = self.seq - self._snapshot_seq
        return grown >= every and grown * 200 >= SNAPSHOT_WORTH * self._snapshot_bytes

    def take_snapshot(self) -> Snapshot:
        """The state of every actor as it is now. Actors that have come to nothing are forgotten."""
        encode = msgspec.json.Encoder().encode
        for key in [key for key, state in self._states.items() if self.behaviour.is_blank(state)]:
            del self._states[key]
            self.wakeups.cancel(key)
        actors = {key: encode(self.behaviour.dump(state)) for key, state in self._states.items()}
        self._snapshot_seq = self.seq
        self._snapshot_bytes = sum(len(body) for body in actors.values())
        return Snapshot(self.seq, actors)

    @property
    def has_unsaved_history(self) -> bool:
        """Whether anything has happened since the last snapshot."""
        return self.seq > self._snapshot_seq
