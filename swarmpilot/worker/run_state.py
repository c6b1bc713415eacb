"""What is known of one run while it runs, by its function and by its worker: what it is asked, and how far it is."""

from __future__ import annotations

import threading
import time
from typing import Any

from msgspec.structs import replace

from actors.messages.dispatcher import ReportProgress
from actors.messages.tasks import (
    ACTIVITY_NAME_LENGTH,
    DESCRIPTION_LENGTH,
    DESCRIPTION_WORDS,
    Activity,
)
from actors.messages.worker import StartTask
from swarmpilot.safe_points import encode_checkpoint
from swarmpilot.sections import Clock, Sections


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


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text, got {text!r}")
    longest = DESCRIPTION_LENGTH if name == "description" else ACTIVITY_NAME_LENGTH
    if len(text) > longest:
        raise ValueError(f"{name} must be at most {longest} characters long, and has {len(text)}")
    words = len(text.split())
    if name == "description" and words > DESCRIPTION_WORDS:
        raise ValueError(f"{name} must have at most {DESCRIPTION_WORDS} words, and has {words}")
