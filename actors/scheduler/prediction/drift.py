"""Notices that what is reported is no longer what it was, within a few reports, and by how much.

Two cumulated sums (CUSUM; Page, "Continuous inspection schemes", Biometrika 1954), one for each direction.
"""

from __future__ import annotations

from dataclasses import dataclass

SLACK = 0.5
"""What a deviation must exceed to count (standard deviations): the test is best for changes of twice that."""

ALARM = 6.5
"""Sum that is taken for a change. By chance alone, normal deviations reach it once in some two thousand reports."""

LARGEST = 3.0
"""No single deviation counts for more, so that it takes at least three reports, and no outlier is a change."""


@dataclass(slots=True)
class Drift:
    """The sums of what was above and below expectation, and over how many reports each has been above zero."""

    above: float = 0.0
    run_above: int = 0
    below: float = 0.0
    run_below: int = 0

    def note(self, deviation: float) -> float:
        """Take in one deviation (in standard deviations); the size of the change where one shows, else 0."""
        if deviation > LARGEST:
            deviation = LARGEST
        elif deviation < -LARGEST:
            deviation = -LARGEST
        above, below = self.above + deviation - SLACK, self.below - deviation - SLACK
        if above > 0.0:
            self.above = above
            self.run_above += 1
        elif self.run_above:
            self.above, self.run_above = 0.0, 0
        if below > 0.0:
            self.below = below
            self.run_below += 1
        elif self.run_below:
            self.below, self.run_below = 0.0, 0
        if above <= ALARM and below <= ALARM:
            return 0.0
        size = SLACK + above / self.run_above if above > ALARM else -SLACK - below / self.run_below
        self.above, self.run_above, self.below, self.run_below = 0.0, 0, 0.0, 0
        return size
