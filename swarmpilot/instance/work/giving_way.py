"""How a run gives way: it is asked to, and leaves at its next safe point with what it needs to go on from."""

from __future__ import annotations

import threading
from collections.abc import Generator

import msgspec

from actors.messages.tasks import CHECKPOINT_BYTES

_ENCODE = msgspec.json.Encoder().encode


class GaveWay(BaseException):
    """Unwinds a run from its safe point. Not an Exception, so that `except Exception` lets it pass."""


class Preemption:
    """What a run is asked, and where it could go on (JSON text). Written in one thread, read in another."""

    def __init__(self, checkpoint: bytes = b"{}") -> None:
        self.requested = threading.Event()
        self.terminating = threading.Event()
        self.reason = ""
        self.checkpoint = checkpoint

    def ask(self, reason: str, *, terminate: bool) -> None:
        """Ask the run to give way; `terminate`: for the last time."""
        self.reason = reason
        if terminate:
            self.terminating.set()
        self.requested.set()


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
        if self._preemption.requested.is_set() or self._cancelled.is_set():
            raise GaveWay


def encode_checkpoint(checkpoint: object) -> bytes:
    """The checkpoint as JSON text. Raises TypeError where it is no JSON object, ValueError where it is too large."""
    if not isinstance(checkpoint, dict):
        raise TypeError(f"checkpoint must be a dict, as it is kept as a JSON object; got {type(checkpoint).__name__}")
    for key in checkpoint:
        if not isinstance(key, str):
            raise TypeError(f"checkpoint must have texts for keys, as it is kept as a JSON object; got {key!r}")
    try:
        text = _ENCODE(checkpoint)
    except Exception as failure:
        raise TypeError(f"checkpoint must hold nothing that JSON cannot: {failure}") from failure
    if len(text) > CHECKPOINT_BYTES:
        raise ValueError(f"checkpoint must not be larger than {CHECKPOINT_BYTES} bytes as JSON, and has {len(text)}")
    return text


def is_giving_way(failure: BaseException) -> bool:
    """Whether it is the safe point's doing; of a group of failures, whether all of it is."""
    if isinstance(failure, BaseExceptionGroup):
        return failure.split(GaveWay)[1] is None
    return isinstance(failure, GaveWay)
