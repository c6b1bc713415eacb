"""What an instance holds: which pushes wait, which run, how the last ones ended. A key is run once.

Pure: no clock, no event loop. Endings are remembered within bounds, so that a push that is repeated
because its answer got lost is answered and reported again instead of run again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from enum import Enum
from typing import Generic, Protocol, TypeVar


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


HeldT = TypeVar("HeldT", bound=Holdable)


class Ledger(Generic[HeldT]):
    """Waiting and running pushes of an instance that runs `capacity` at once."""

    def __init__(self, capacity: int, *, remember: int = 10_000, remember_bytes: int = 32 * 1024 * 1024) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self.ended_count = 0
        self._remember = remember
        self._remember_bytes = remember_bytes
        self._waiting: OrderedDict[str, HeldT] = OrderedDict()
        self._running: dict[str, HeldT] = {}
        self._reports: OrderedDict[str, bytes] = OrderedDict()
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
        if push.key in self._reports:
            return Taking.ENDED
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
        self._running.pop(key, None)
        self._waiting.pop(key, None)
        self.ended_count += 1
        self._report_bytes += len(report) - len(self._reports.pop(key, b""))
        self._reports[key] = report
        while len(self._reports) > self._remember or self._report_bytes > self._remember_bytes:
            self._report_bytes -= len(self._reports.popitem(last=False)[1])

    def held(self, key: str) -> HeldT | None:
        """The push that waits or runs under this key."""
        return self._running.get(key) or self._waiting.get(key)

    def report_of(self, key: str) -> bytes | None:
        """What was reported of an ended push, None where it is not remembered."""
        return self._reports.get(key)

    def running_of(self, task_id: str) -> list[HeldT]:
        """The running attempts of a task."""
        return [push for push in self._running.values() if push.task_id == task_id]

    def waiting_of(self, task_id: str) -> list[HeldT]:
        """The waiting attempts of a task."""
        return [push for push in self._waiting.values() if push.task_id == task_id]
