"""Waiting times between attempts: they double up to a ceiling, and jitter keeps many clients out of step."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator


def delays(
    first_s: float, ceiling_s: float, *, factor: float = 2.0, draw: random.Random | None = None
) -> Iterator[float]:
    """Endless delays in seconds, each drawn evenly from the upper half of a span that grows by `factor`."""
    rng = draw or random.Random()
    span = first_s
    while True:
        yield span * (0.5 + rng.random() / 2)
        span = min(span * factor, ceiling_s)


class Patience:
    """How long a broken connection is made again: for `retry_for_s` seconds after it broke."""

    def __init__(self, retry_for_s: float) -> None:
        self._retry_for_s = retry_for_s
        self.heard()

    def heard(self) -> None:
        """The connection works."""
        self._delays = delays(0.1, 2.0)
        self._deadline: float | None = None

    def pause_after(self, failure: Exception) -> float:
        """How long to wait before it is tried again (s). Raises the failure where it has been tried for long enough."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._retry_for_s
        pause = max(next(self._delays), float(getattr(failure, "retry_after_s", 0.0)))
        if now + pause > self._deadline:
            raise failure
        return pause
