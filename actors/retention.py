"""Keeps the store from growing for ever: ended tasks and their history go by age and number, a little at a time.

Whoever asks for a trimmed task hears that it is not known, and its id may be used anew. What has not ended, what an
actor may need to recover, and the story of every task that is kept stay whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from actors.errors import StoreUnavailable
from actors.store import TrimmedStore

A = TypeVar("A")
R = TypeVar("R")

log = structlog.get_logger(__name__)

EVERY_S = 10.0
"""Pause between rounds (s)."""

REST = 4.0
"""After each slice the store is left alone for this many times as long as the slice took."""

BEHIND = 50
"""Slices of one round after which it rests a quarter of that: more ends than is dropped."""

YOUNGEST_S = 10.0
"""A task is kept for this long after its end (s) however many there are: those who wait for it have yet to look."""

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How long ended tasks and dead letters are kept (days), and how many ended tasks."""

    days: float
    tasks: int


class Retention:
    """Trims one store. `is_mine` says whether that is this process's business at the moment: one is enough."""

    def __init__(
        self,
        store: TrimmedStore,
        limits: RetentionLimits,
        is_mine: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        rest: float = REST,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._limits = limits
        self._is_mine = is_mine
        self._clock = clock
        self._rest = rest
        self._every_s = every_s
        self._slices = 0

    async def run(self) -> None:
        """Round after round, for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            if self._is_mine():
                try:
                    await self.round()
                except StoreUnavailable as error:
                    log.warning("old tasks stay for now", reason=str(error))

    async def round(self) -> int:
        """Drop all that is too old or too much now; returns how many tasks that were. Raises StoreUnavailable."""
        oldest = self._clock() - self._limits.days * DAY_S
        upto = max(oldest, await self._store.end_of_excess(self._limits.tasks) or 0.0)
        upto = min(upto, self._clock() - YOUNGEST_S)
        self._slices = dropped = 0
        while count := await self._slice(self._store.trim_tasks, upto):
            dropped += count
        position: int | None = 0
        while position is not None:
            position = await self._slice(self._store.trim_journal, position)
        while await self._slice(self._store.trim_dead_letters, oldest):
            pass
        if dropped:
            log.info("old tasks dropped", tasks=dropped)
        return dropped

    async def _slice(self, trim: Callable[[A], Awaitable[R]], argument: A) -> R:
        begun = time.perf_counter()
        result = await trim(argument)
        self._slices += 1
        rest = self._rest if self._slices <= BEHIND else self._rest / 4
        await asyncio.sleep(rest * (time.perf_counter() - begun))
        return result
