"""A decision in the making, for decisions that several concerns add to."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.behaviour import Decision, Effect
from actors.dispatcher.events import DispatcherEvent


@dataclass(slots=True)
class Draft:
    """A decision in the making."""

    events: list[DispatcherEvent] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def add(self, events: list[DispatcherEvent], effects: list[Effect]) -> None:
        """Append both."""
        self.events += events
        self.effects += effects

    def decision(self) -> Decision[DispatcherEvent]:
        """What it amounts to."""
        return Decision(self.events, self.effects)
