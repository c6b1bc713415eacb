"""How far reports lie from what was expected, as ratios: their variance and, beside it, quantiles of any shape.

Everything is relative, so that it is the same for tasks of a second and of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt

from actors.scheduler.prediction.prediction import Prediction

MEMORY = 100
"""Reports after which older ones have lost two thirds of their weight."""

LOW, HIGH = 0.05, 0.95
"""The tracked quantiles, with the median between them."""

TAIL_STEP, MIDDLE_STEP = 0.02 / 0.103, 0.5 * 0.02 / 0.399
"""How far they move a report: in inverse proportion to the density there of the normal distribution."""

HIGH_SCORE = 1.645
SMALLEST = 1e-3
"""What is added to the deviation of the logarithm: nothing is known better than that."""

OUTLIER = 4.0
"""Deviations from the mean beyond which a report counts as one that is just so far away."""


@dataclass(slots=True)
class Spread:
    """Of the logarithm of actual over expected time: mean, variance, and quantiles in deviations from the mean.

    `relative` is the variance of the ratio itself. Before there are reports: as if the deviation were a half.
    """

    count: int = 0
    mean: float = 0.0
    variance: float = 0.25
    deviation: float = 0.5
    relative: float = 0.284
    low: float = -HIGH_SCORE
    middle: float = 0.0
    high: float = HIGH_SCORE

    def clipped(self, log_ratio: float) -> float:
        """The same, or what is just not an outlier."""
        away, reach = log_ratio - self.mean, OUTLIER * self.deviation
        if away > reach:
            return self.mean + reach
        return self.mean - reach if away < -reach else log_ratio

    def note(self, log_ratio: float) -> None:
        """Take in the logarithm of actual over expected time of one report, clipped."""
        away = log_ratio - self.mean
        score = away / self.deviation
        low = self.low + (TAIL_STEP * (LOW - 1.0) if score < self.low else TAIL_STEP * LOW)
        middle = self.middle - MIDDLE_STEP if score < self.middle else self.middle + MIDDLE_STEP
        high = self.high + (TAIL_STEP * (HIGH - 1.0) if score < self.high else TAIL_STEP * HIGH)
        self.low, self.middle, self.high = low if low < middle else middle, middle, high if high > middle else middle
        self.count += 1
        # At first the newer count for more: the expectations that the first were held against were poor.
        weight = 2.0 / (self.count + 2) if self.count < 2 * MEMORY else 1.0 / MEMORY
        self.mean += weight * away
        self.variance += weight * ((1.0 - weight) * away * away - self.variance)
        self.deviation = sqrt(self.variance) + SMALLEST
        off = exp(log_ratio) - 1.0
        self.relative += weight * (off * off - self.relative)

    def around(self, mean_ms: float) -> Prediction:
        """What is to be expected where the expectation is `mean_ms`."""
        deviation, centre = self.deviation, self.mean
        return Prediction(
            mean_ms,
            mean_ms * sqrt(self.relative),
            mean_ms * exp(centre + self.low * deviation),
            mean_ms * exp(centre + self.middle * deviation),
            mean_ms * exp(centre + self.high * deviation),
        )
