"""How the parts of this process are: which is ill, since when and why; told by whoever notices it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import structlog

log = structlog.get_logger(__name__)

Part: TypeAlias = Literal["broker", "store", "scheduler", "agents", "dispatchers", "gateway"]
"""The broker, the store, and what is received for: each kind of actor, and the answers to the gateway."""


@dataclass(frozen=True, slots=True)
class Illness:
    """`detail` tells apart what of the part is ill (a connection, a queue); `since` is Unix seconds."""

    part: Part
    detail: str
    since: float
    reason: str


class Vitals:
    """The illnesses of now, and `counts` of what should be rare."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._ill: dict[tuple[Part, str], Illness] = {}

    @property
    def illnesses(self) -> list[Illness]:
        """All of them, the oldest first."""
        return list(self._ill.values())

    def ill(self, part: Part, reason: str, detail: str = "") -> None:
        """This does not work now. Said again, it is still the same illness, since its beginning."""
        if (part, detail) not in self._ill:
            self._ill[part, detail] = Illness(part, detail, self._clock(), reason)
            self.counts[f"{part} ill"] += 1
            log.error("ill", part=part, detail=detail, reason=reason)

    def well(self, part: Part, detail: str = "") -> None:
        """This works."""
        if self._ill and (illness := self._ill.pop((part, detail), None)) is not None:
            log.info("well again", part=part, detail=detail, after_s=round(self._clock() - illness.since, 3))
