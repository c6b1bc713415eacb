"""What an instance holds: which pushes wait, which run, how the last ones ended. A key is run once.

Pure: no event loop, and the clock is given. Endings are remembered within bounds, so that a push that is repeated
because its answer got lost is answered and reported again instead of run again. Other content under the same key, or
the same a day later, is another task: a scheduler whose store is new, or has dropped the old task, uses its id anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar


class Taking(Enum):
    """What a push is to the ledger."""

    NEW = "new"
    HELD = "held"
    ENDED = "ended"


class Holdable(Protocol):
    """What a ledger holds: a push, by the key that makes a repeat of it the same."""

    @property
    def key(self) -> str: ...

    @property
    def task_id(self) -> str: ...

    @property
    def content(self) -> bytes:
        """A digest of what is to be done, the same for each repeat."""


HeldT = TypeVar("HeldT", bound=Holdable)


class _Ended(NamedTuple):
    at: float
    content: bytes
    report: bytes


class Ledger(Generic[HeldT]):
    """Waiting and running pushes of an instance that runs `capacity` at once."""

    def __init__(
        self,
        capacity: int,
        *,
        remember: int = 10_000,
        remember_bytes: int = 32 * 1024 * 1024,
        remember_s: float = 86_400.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self.ended_count = 0
        self._remember = remember
        self._remember_bytes = remember_bytes
        self._remember_s = remember_s
        self._clock = clock
        self._waiting: OrderedDict[str, HeldT] = OrderedDict()
        self._running: dict[str, HeldT] = {}
        self._ended: OrderedDict[str, _Ended] = OrderedDict()
        self._report_bytes = 0

    @property
    def waiting(self) -> int:
        """How many pushes wait for a place."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many pushes run."""
        return len(self._running)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._waiting and not self._running

    def take(self, push: HeldT) -> Taking:
        """Note a push; only a NEW one joins the line."""
        if push.key in self._running or push.key in self._waiting:
            return Taking.HELD
        if self.has_ended(push):
            return Taking.ENDED
        self._forget(push.key)
        self._waiting[push.key] = push
        return Taking.NEW

    def startable(self) -> Sequence[HeldT]:
        """The pushes that can start now, first come first; from here on they run."""
        started: deque[HeldT] = deque()
        while self._waiting and len(self._running) < self.capacity:
            key, push = self._waiting.popitem(last=False)
            self._running[key] = push
            started.append(push)
        return started

    def end(self, key: str, report: bytes) -> None:
        """The push has ended, and this is what the scheduler is told of it."""
        push = self._running.pop(key, None) or self._waiting.pop(key, None)
        self.ended_count += 1
        self._forget(key)
        self._ended[key] = _Ended(self._clock(), push.content if push is not None else b"", report)
        self._report_bytes += len(report)
        while len(self._ended) > self._remember or self._report_bytes > self._remember_bytes:
            self._forget(next(iter(self._ended)))

    def held(self, key: str) -> HeldT | None:
        """The push that waits or runs under this key."""
        return self._running.get(key) or self._waiting.get(key)

    def has_ended(self, push: HeldT) -> bool:
        """Whether this is a repeat of an ended push that is remembered."""
        ended = self._ended.get(push.key)
        if ended is None or self._clock() - ended.at > self._remember_s:
            return False
        return ended.content == push.content

    def report_of(self, key: str) -> bytes | None:
        """What was reported of an ended push, None where it is not remembered."""
        ended = self._ended.get(key)
        return None if ended is None else ended.report

    def running_of(self, task_id: str) -> list[HeldT]:
        """The running attempts of a task."""
        return [push for push in self._running.values() if push.task_id == task_id]

    def waiting_of(self, task_id: str) -> list[HeldT]:
        """The waiting attempts of a task."""
        return [push for push in self._waiting.values() if push.task_id == task_id]

    def _forget(self, key: str) -> None:
        ended = self._ended.pop(key, None)
        if ended is not None:
            self._report_bytes -= len(ended.report)
