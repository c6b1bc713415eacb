"""What the runtime itself tells an actor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A deadline that the actor's state holds (`Behaviour.next_due`) has come."""


@dataclass(frozen=True, slots=True)
class Sounding:
    """Goes through the queue of a shard, so that the runtime knows that all before it has come. No actor gets it."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The actor was rebuilt from the store: errands that were under way are unknown and must be run again."""
