"""The instances of a simulation, and what happens to them at given times."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Condition: TypeAlias = Literal["up", "down"]

EVENT = re.compile(r"(?P<at>[^:]+)s:(?P<instance>[^:]+):(?P<what>[^:]+)")
EVENT_FORM = "SECONDSs:INSTANCE:up, :down or :speed=NUMBER, such as 120s:3:speed=0.25 (instances count from 0)"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Instances by their speeds; each runs `capacity` tasks at once, every one at that speed."""

    speeds: tuple[float, ...]
    capacity: int = 1

    @property
    def total_speed(self) -> float:
        """Work a second, at the most."""
        return sum(self.speeds) * self.capacity


@dataclass(frozen=True, slots=True)
class Change:
    """At `at_s` on the virtual clock an instance gets another speed, or goes down or comes up (None: neither)."""

    at_s: float
    instance: int
    speed: float | None = None
    condition: Condition | None = None


def parse_speeds(text: str) -> tuple[float, ...]:
    """`1,1,0.5` as numbers above 0. Raises ValueError with rule and value."""
    return tuple(_positive(part, "a speed") for part in text.split(","))


def parse_change(text: str, fleet: Fleet) -> Change:
    """`120s:3:speed=0.25`, `200s:2:down` or `260s:2:up`. Raises ValueError with rule and value."""
    parts = EVENT.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"must be {EVENT_FORM}, got {text!r}")
    at_s, instance, what = _number(parts["at"], "its time"), parts["instance"], parts["what"]
    if at_s < 0:
        raise ValueError(f"its time must be at least 0 seconds, got {parts['at']!r} in {text!r}")
    if not instance.isdecimal() or int(instance) >= len(fleet.speeds):
        raise ValueError(f"its instance must be one of 0 to {len(fleet.speeds) - 1}, got {instance!r} in {text!r}")
    name, equals, value = what.partition("=")
    if name == "speed" and equals:
        return Change(at_s, int(instance), speed=_positive(value, "its speed"))
    if what == "up":
        return Change(at_s, int(instance), condition="up")
    if what == "down":
        return Change(at_s, int(instance), condition="down")
    raise ValueError(f"what happens must be up, down or speed=NUMBER, got {what!r} in {text!r}")


def in_order(changes: Sequence[Change]) -> list[Change]:
    """By time; those of one time as they were given."""
    return sorted(changes, key=lambda change: change.at_s)


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a number, got {text!r}")
    return value


def _positive(text: str, name: str) -> float:
    value = _number(text, name)
    if value <= 0:
        raise ValueError(f"{name} must be above 0, got {text!r}")
    return value
