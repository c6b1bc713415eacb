"""How a run gives way: it is asked to, and leaves at its next safe point with what it needs to go on from."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from typing import Any

import msgspec

MOST_CHECKPOINT_BYTES = 8 * 1024 * 1024
"""Larger checkpoints are refused at the safe point; the scheduler's own limit is a little above."""

_ENCODER = msgspec.json.Encoder()


class GaveWay(BaseException):
    """Unwinds a run at a safe point. No Exception, so that a task which catches those lets it pass.

    `checkpoint` is JSON text.
    """

    def __init__(self, checkpoint: bytes) -> None:
        super().__init__("the run gives way")
        self.checkpoint = checkpoint


class Preemption:
    """What a run has been told; set in one thread, read in another. `cancelled` ends it at a safe point as well."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.terminating = threading.Event()
        self.reason = ""

    def ask(self, reason: str, *, terminate: bool) -> None:
        """Ask the run to give way; `terminate`: for the last time."""
        self.reason = reason or self.reason
        self.requested.set()
        if terminate:
            self.terminating.set()


class SafePoint:
    """Passed already when it is made. Awaiting it lets the event loop hear of requests, and looks once more."""

    def __init__(self, preemption: Preemption, cancelled: threading.Event, checkpoint: bytes) -> None:
        self._preemption = preemption
        self._cancelled = cancelled
        self._checkpoint = checkpoint
        self._look()

    def __await__(self) -> Generator[None, None, None]:
        yield
        self._look()

    def _look(self) -> None:
        if self._preemption.requested.is_set() or self._cancelled.is_set():
            raise GaveWay(self._checkpoint)


def encode_checkpoint(checkpoint: Mapping[str, Any]) -> bytes:
    """The checkpoint as JSON text. Raises TypeError, ValueError."""
    if not isinstance(checkpoint, Mapping):
        raise TypeError(f"a checkpoint must be a dict, got {type(checkpoint).__name__}")
    try:
        encoded = _ENCODER.encode(checkpoint)
    except Exception as failure:
        raise TypeError(f"a checkpoint must be what JSON can hold: {failure}") from None
    if len(encoded) > MOST_CHECKPOINT_BYTES:
        raise ValueError(f"a checkpoint may have {MOST_CHECKPOINT_BYTES} bytes as JSON, this one has {len(encoded)}")
    return encoded
