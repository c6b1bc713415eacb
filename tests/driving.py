"""Drives one actor by hand: each message is decided, its events applied, and the state's promises checked."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from actors.behaviour import Behaviour, Decision, Received
from actors.messages.wire import Codec

StateT = TypeVar("StateT")
MessageT = TypeVar("MessageT")
EventT = TypeVar("EventT")


class Driven(Generic[StateT, MessageT, EventT]):
    """An actor with its state. Time stands where the test sets it."""

    def __init__(self, behaviour: Behaviour[StateT, MessageT, EventT], key: str, now: float = 1000.0) -> None:
        self.behaviour = behaviour
        self.key = key
        self.now = now
        self.state = behaviour.initial(key)
        self._events: Codec[Any] = Codec(behaviour.event_types)
        self._told = 0

    def tell(self, message: MessageT, *, after: float = 0.0, chance: float = 0.5) -> Decision[EventT]:
        """Move time on by `after` seconds, then let the actor decide and evolve.

        Events go through the journal's encoding, so that what is remembered is what would be read back; and
        the state's snapshot has to decide the same as the state does.
        """
        self.now += after
        self._told += 1
        received = Received(message, f"m{self._told}", chance=chance)
        decision = self.behaviour.decide(self.state, received, self.now)
        reloaded = self._reloaded()
        assert self.behaviour.decide(reloaded, received, self.now) == decision
        assert self.behaviour.next_due(reloaded) == self.due
        for event in decision.events:
            name, body = self._events.encode(event)
            recalled = self._events.decode(name, body)
            assert recalled == event
            self.behaviour.evolve(self.state, recalled)
        check: Any = getattr(self.state, "check", None)
        if check is not None:
            check()
        return decision

    @property
    def due(self) -> float | None:
        """When the actor wants to be woken."""
        return self.behaviour.next_due(self.state)

    def restart(self) -> None:
        """Replace the state by what its stored snapshot says."""
        self.state = self._reloaded()

    def _reloaded(self) -> StateT:
        body = msgspec.json.encode(self.behaviour.dump(self.state))
        snapshot: Any = msgspec.json.decode(body, type=self.behaviour.snapshot_type)
        return self.behaviour.load(self.key, snapshot)
