"""How a run gives way: it is asked to, and leaves at its next safe point with what it needs to go on from."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

from swarmpilot.safe_points import RunYielded
from swarmpilot.sections import Sections


class Preemption:
    """What a run is asked, and where it could go on (JSON text). Written in one thread, read in another."""

    def __init__(self, task_id: str = "", checkpoint: bytes = b"{}") -> None:
        self.sections = Sections(task_id, time.monotonic)
        self.requested = False
        self.terminating = False
        self.reason = ""
        self.checkpoint = checkpoint

    def ask(self, reason: str, *, terminate: bool) -> tuple[str, float]:
        """Ask the run to give way; `terminate`: for the last time. The section that keeps it, and for how many ms."""
        self.reason = reason
        self.requested = True
        self.terminating = self.terminating or terminate
        return ("", 0.0) if self.terminating else self.sections.deferring()

    @property
    def has_to_end(self) -> bool:
        """Whether the run ends at the safe point that it has come to."""
        return self.requested and (self.terminating or self.sections.deferring()[1] <= 0)


class SafePoint:
    """Passed already when it is made. Awaiting it lets the event loop hear of requests, and looks once more.

    A run that was `cancelled` ends here as well.
    """

    __slots__ = ("_cancelled", "_preemption")

    def __init__(self, preemption: Preemption, cancelled: threading.Event, checkpoint: bytes) -> None:
        self._preemption = preemption
        self._cancelled = cancelled
        preemption.checkpoint = checkpoint
        self._end_where_it_has_to()

    def __await__(self) -> Generator[None, None, None]:
        yield
        self._end_where_it_has_to()

    def _end_where_it_has_to(self) -> None:
        if self._preemption.has_to_end or self._cancelled.is_set():
            raise RunYielded
