"""Execution time as a sum of parts in proportion to a task's sizes, none of them negative, learnt report by report.

Least squares with decaying weights; each report is one sweep of coordinate descent, bounded below by zero, over the
normal equations (Gauss-Seidel; convergent wherever they are positive semidefinite, so that equal, empty or collinear
sizes do no harm: what the reports do not tell apart stays where it was).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

KEEP = 1.0 - 1.0 / 120
"""Weight of what is known already after one more report."""

DAMPING = 1.0
"""How much a coefficient of few reports is held back, in reports."""

FLOOR = 0.02
"""No expectation is below this part of that of the task the sizes are measured by."""

PRIOR_REPORTS = 1.0
"""Weight that is left of what is known where it has turned out to be about something else, in reports."""


@dataclass(slots=True)
class LinearFit:
    """`constant` and `slope1`, `slope2` in ms per `unit1`, `unit2`; `a..` and `b.` are the normal equations."""

    unit1: float
    unit2: float
    constant: float
    slope1: float
    slope2: float
    count: int = 0
    a00: float = 0.0
    a01: float = 0.0
    a02: float = 0.0
    a11: float = 0.0
    a12: float = 0.0
    a22: float = 0.0
    b0: float = 0.0
    b1: float = 0.0
    b2: float = 0.0

    def expect(self, size1: float, size2: float) -> float:
        """Mean time (ms) of a task of these sizes."""
        constant, slope1, slope2 = self.constant, self.slope1, self.slope2
        mean = constant + slope1 * (size1 / self.unit1) + slope2 * (size2 / self.unit2)
        least = FLOOR * (constant + slope1 + slope2)
        return mean if mean > least else least

    def learn(self, size1: float, size2: float, took_ms: float, expected_ms: float) -> None:
        """Take in one report; it counts in inverse proportion to the square of what was expected."""
        self.count += 1
        if not size1 and not size2 and not self.a11 and not self.a22:
            self.a00 = KEEP * self.a00 + 1.0
            self.b0 = KEEP * self.b0 + took_ms
            self.constant = self.b0 / self.a00
            return
        constant, slope1, slope2 = self.constant, self.slope1, self.slope2
        z1, z2 = size1 / self.unit1, size2 / self.unit2
        weight = (constant + slope1 + slope2) / expected_ms
        weight *= weight
        w1, w2, wt = weight * z1, weight * z2, weight * took_ms
        self.a00 = a00 = KEEP * self.a00 + weight
        self.a01 = a01 = KEEP * self.a01 + w1
        self.a02 = a02 = KEEP * self.a02 + w2
        self.a11 = a11 = KEEP * self.a11 + w1 * z1
        self.a12 = a12 = KEEP * self.a12 + w1 * z2
        self.a22 = a22 = KEEP * self.a22 + w2 * z2
        self.b0 = b0 = KEEP * self.b0 + wt
        self.b1 = b1 = KEEP * self.b1 + wt * z1
        self.b2 = b2 = KEEP * self.b2 + wt * z2
        # The sweep: each coefficient to its best value, given the others.
        part = self.count / (self.count + DAMPING)
        if a11 > 0.0:
            slope1 += part * (b1 - a01 * constant - a11 * slope1 - a12 * slope2) / a11
            self.slope1 = slope1 = slope1 if slope1 > 0.0 else 0.0
        if a22 > 0.0:
            slope2 += part * (b2 - a02 * constant - a12 * slope1 - a22 * slope2) / a22
            self.slope2 = slope2 = slope2 if slope2 > 0.0 else 0.0
        constant += part * (b0 - a00 * constant - a01 * slope1 - a02 * slope2) / a00
        self.constant = constant if constant > 0.0 else 0.0

    def restart(self, factor: float) -> None:
        """Everything takes `factor` times as long from now on, more or less: what is known weighs little."""
        weight = PRIOR_REPORTS / max(self.a00, PRIOR_REPORTS)
        self.constant, self.slope1, self.slope2 = self.constant * factor, self.slope1 * factor, self.slope2 * factor
        self.a00, self.a01, self.a02 = self.a00 * weight, self.a01 * weight, self.a02 * weight
        self.a11, self.a12, self.a22 = self.a11 * weight, self.a12 * weight, self.a22 * weight
        both = weight * factor
        self.b0, self.b1, self.b2 = self.b0 * both, self.b1 * both, self.b2 * both

    def young(self, factor: float) -> LinearFit:
        """The same, times `factor`, to be outweighed soon by reports of its own."""
        copy = replace(self, count=1)
        copy.restart(factor)
        return copy


def first_fit(size1: float, size2: float, took_ms: float) -> LinearFit:
    """What one report alone suggests: equal parts for each size that the task has, and a constant one."""
    share = took_ms / (1 + (size1 > 0.0) + (size2 > 0.0))
    fit = LinearFit(max(size1, 1.0), max(size2, 1.0), share, share if size1 else 0.0, share if size2 else 0.0)
    fit.learn(size1, size2, took_ms, took_ms)
    return fit
