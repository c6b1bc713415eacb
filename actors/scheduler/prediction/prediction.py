"""What is expected of one task's execution time, and what is left of it once it has run for a while."""

from __future__ import annotations

from math import erfc, exp, log, pi, sqrt
from typing import NamedTuple

LOGIT_HIGH = log(0.95 / 0.05)
"""Between and beyond the known quantiles, logarithms of times go in proportion to the logit of the share."""

LEAST_DEVIATION = 0.02
"""Deviation of the logarithm that a time is taken to have at least."""

LINDY = 0.5
"""What has run for longer than expected has at least this much of the excess still before it."""


class Prediction(NamedTuple):
    """Of an execution time: mean, standard deviation and quantiles (ms)."""

    mean_ms: float
    std_ms: float
    q05_ms: float
    q50_ms: float
    q95_ms: float

    def quantile(self, share: float) -> float:
        """The time (ms) within which this share of such tasks is done; 0 < share < 1."""
        at = log(share / (1.0 - share)) / LOGIT_HIGH
        side = self.q95_ms / self.q50_ms if at > 0.0 else self.q50_ms / self.q05_ms
        return self.q50_ms * exp(at * log(side))

    def scaled(self, factor: float) -> Prediction:
        """The same for what takes `factor` times as long."""
        mean, std, q05, q50, q95 = self
        return Prediction(mean * factor, std * factor, q05 * factor, q50 * factor, q95 * factor)


class Remaining(NamedTuple):
    """What is left of a running task: mean and standard deviation (ms)."""

    mean_ms: float
    std_ms: float


def remaining(prediction: Prediction, elapsed_ms: float) -> Remaining:
    """What is left of a task that has run for `elapsed_ms`, given that it has not ended.

    The conditional expectation under the lognormal distribution of the same mean and deviation. What is long
    overdue under that has something wrong with it that the prediction does not know of: it is then taken to need
    half as long again as it is late already.
    """
    mean_ms, std_ms = prediction.mean_ms, prediction.std_ms
    if elapsed_ms <= 0.0 or mean_ms <= 0.0:
        return Remaining(max(mean_ms, 0.0), std_ms)
    ratio = std_ms / mean_ms
    spread = max(sqrt(log(1.0 + ratio * ratio)), LEAST_DEVIATION)
    score = (log(elapsed_ms) - log(mean_ms)) / spread + spread / 2
    if score < -6.0:
        return Remaining(mean_ms - elapsed_ms, std_ms)
    # With R = (1 - F) / f of the standard normal: E[T^k | T > t] = t^k R(z - k s) / R(z). Stable however late it is.
    below = _mills(score)
    first = _mills(score - spread) / below
    second = _mills(score - 2 * spread) / below
    left = elapsed_ms * (first - 1.0)
    late = LINDY * (elapsed_ms - mean_ms)
    if late > left:
        return Remaining(late, late)
    return Remaining(max(left, 0.0), elapsed_ms * sqrt(max(second - first * first, 0.0)))


def _mills(score: float) -> float:
    """Upper tail over density of the standard normal distribution."""
    if score < 5.0:
        score = max(score, -35.0)
        return sqrt(pi / 2) * erfc(score / sqrt(2.0)) * exp(score * score / 2)
    return 1.0 / (score + 1.0 / (score + 2.0 / (score + 3.0 / (score + 4.0 / score))))
