"""What is known of one run while it runs, by its function and by its worker: what it is asked, and how far it is."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import msgspec

from actors.messages.dispatcher import ReportProgress
from actors.messages.tasks import (
    ACTIVITY_NAME_LENGTH,
    CHECKPOINT_BYTES,
    CHECKPOINT_NESTING,
    DESCRIPTION_LENGTH,
    DESCRIPTION_WORDS,
    Activity,
)
from actors.messages.worker import StartTask
from swarmpilot.worker.sections import Clock, Sections

_ENCODE = msgspec.json.Encoder().encode


class RunYielded(BaseException):
    """Unwinds a run from its safe point. Not an Exception, so that `except Exception` lets it pass, as one should."""


class RunState:
    """The function may be in a thread of its own, so every field is replaced as a whole, and by one side only."""

    def __init__(self, start: StartTask, clock: Clock = time.monotonic) -> None:
        self.start = start
        self.sections = Sections(start.task_id, clock)
        self.cancelled = threading.Event()
        self.preempt_requested = False
        self.preempt_reason = ""
        self.terminate_requested = False
        self.checkpoint = start.checkpoint
        self._activity: Activity | None = None
        self._progress: float | None = None
        self._told = ReportProgress("", 1, 0, "", checkpoint=start.checkpoint)

    def request(self, reason: str, terminate: bool) -> tuple[str, float]:
        """The run has to give way; the section that keeps it, and for how many ms at most."""
        self.preempt_reason = reason
        self.preempt_requested = True
        self.terminate_requested = self.terminate_requested or terminate
        return ("", 0.0) if self.terminate_requested else self.sections.deferring()

    def remember(self, checkpoint: dict[str, Any]) -> None:
        """The run could go on from here. Raises TypeError or ValueError where that is no checkpoint."""
        text = encode_checkpoint(checkpoint)
        if text != self.checkpoint:
            self.checkpoint = text

    @property
    def has_to_end(self) -> bool:
        """Whether the run ends at the safe point that it has come to."""
        if self.cancelled.is_set():
            return True
        return self.preempt_requested and (self.terminate_requested or self.sections.deferring()[1] <= 0)

    def describe(self, **given: str | None) -> None:
        """What it is at; None leaves a field as it is. Raises ValueError, with field and rule."""
        changed = {name: text for name, text in given.items() if text is not None}
        for name, text in changed.items():
            _check_text(name, text)
        self._activity = replace(self._activity or Activity(), **changed)

    def note_progress(self, fraction: float) -> None:
        """How far it is, from 0 to 1. Raises ValueError."""
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be a number from 0 to 1, got {fraction!r}")
        self._progress = float(fraction)

    def news(self) -> ReportProgress | None:
        """What has changed since it was last told, None where nothing has."""
        activity, progress, checkpoint, told = self._activity, self._progress, self.checkpoint, self._told
        if (activity, progress, checkpoint) == (told.activity, told.progress, told.checkpoint):
            return None
        return ReportProgress(
            task_id=self.start.task_id,
            attempt=self.start.attempt,
            resumption=self.start.resumption,
            agent_id=self.start.agent_id,
            activity=activity if activity != told.activity else None,
            progress=progress if progress != told.progress else None,
            checkpoint=checkpoint if checkpoint != told.checkpoint else b"",
        )

    def told(self, news: ReportProgress) -> None:
        """The scheduler has heard this."""
        self._told = replace(
            self._told,
            activity=self._told.activity if news.activity is None else news.activity,
            progress=self._told.progress if news.progress is None else news.progress,
            checkpoint=news.checkpoint or self._told.checkpoint,
        )


def encode_checkpoint(checkpoint: object) -> bytes:
    """The checkpoint as JSON text. Raises TypeError where it is no JSON object, ValueError where it is too large.

    It runs at every safe point, so the depth is only looked at where there are brackets enough.
    """
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
    brackets = text.count(b"{") + text.count(b"[")
    if brackets > CHECKPOINT_NESTING and _depth(msgspec.json.decode(text)) > CHECKPOINT_NESTING:
        raise ValueError(f"checkpoint must not be nested deeper than {CHECKPOINT_NESTING} levels")
    return text


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max((_depth(part) for part in (value.values() if isinstance(value, dict) else value)), default=0)


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text, got {text!r}")
    longest = DESCRIPTION_LENGTH if name == "description" else ACTIVITY_NAME_LENGTH
    if len(text) > longest:
        raise ValueError(f"{name} must be at most {longest} characters long, and has {len(text)}")
    words = len(text.split())
    if name == "description" and words > DESCRIPTION_WORDS:
        raise ValueError(f"{name} must have at most {DESCRIPTION_WORDS} words, and has {words}")
