"""Waiting times between attempts: they double up to a ceiling, and jitter keeps many clients out of step."""

from __future__ import annotations

import random
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
