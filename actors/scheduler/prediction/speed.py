"""How much slower than its peers an instance is, learnt from what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import copysign, sqrt

from actors.scheduler.prediction.drift import Drift

UNKNOWN_VARIANCE = 0.5
"""Variance of the logarithm of the factor before the first report: a half to double is nothing special."""

MEMORY = 40.0
"""Reports after which older ones have lost two thirds of their weight, while nothing changes."""

FARTHEST = 9.0
"""Bound of the logarithm: beyond a factor of 8,000 it is not a matter of speed."""


@dataclass(slots=True)
class Speed:
    """`log_factor`: of the time it takes over the time expected of any; `variance`: how sure that is.

    A Kalman filter for a value that wanders, started again when what it follows has jumped. The surer the
    expectation of a task was, the more its report says about the instance.
    """

    log_factor: float
    variance: float = UNKNOWN_VARIANCE
    drift: Drift = field(default_factory=Drift)

    def note(self, log_ratio: float, variance: float) -> None:
        """Take in the logarithm of a task's time over the one expected of this instance, with the variance of it."""
        both = self.variance + variance
        gain = self.variance / both
        clipped = log_ratio
        if log_ratio * log_ratio > 9.0 * both:
            clipped = copysign(3.0 * sqrt(both), log_ratio)
        factor = self.log_factor + gain * clipped
        self.variance = (1.0 - gain) * self.variance + variance / (MEMORY * MEMORY)
        deviation = sqrt(variance)
        change = self.drift.note(log_ratio / deviation)
        if change:
            factor += change * deviation
            self.variance = UNKNOWN_VARIANCE
            factor = min(max(factor, -FARTHEST), FARTHEST)
        self.log_factor = factor
