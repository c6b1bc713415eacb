"""What the runtime itself tells an actor."""

from __future__ import annotations

from msgspec import Struct


class TimePassed(Struct, frozen=True):
    """A deadline that the actor's state holds (`Behaviour.next_due`) has come."""


class Sounding(Struct, frozen=True):
    """Goes through the queue of a shard, so that the runtime knows that all before it has come. No actor gets it."""


class Resumed(Struct, frozen=True):
    """The actor was rebuilt from the store: errands that were under way are unknown and must be run again."""
