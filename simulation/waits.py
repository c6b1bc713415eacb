"""How truthful the scheduler's waiting times are: what it expected at each arrival, beside what came."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulation.jobs import Job
from simulation.plant import Service


@dataclass(frozen=True, slots=True)
class Expectation:
    """What `/queue/info` said just before the arrival of the instance that the task was then meant for (s)."""

    wait_s: float
    error_s: float


@dataclass(frozen=True, slots=True)
class WaitTruth:
    """Means (s) and the shares of true waits within one and two standard deviations of the expectation.

    `tasks` counts those that it speaks of: all, or those that waited or were expected to.
    """

    tasks: int
    expected_s: float
    true_s: float
    within_one: float
    within_two: float

    @property
    def bias(self) -> float:
        """By what part the mean expectation is above (or, negative, below) the mean of what came."""
        return self.expected_s / self.true_s - 1.0 if self.true_s else 0.0 if not self.expected_s else math.inf


def truth_of(
    expectations: Mapping[int, Expectation], jobs: Sequence[Job], services: Sequence[Service]
) -> tuple[WaitTruth, WaitTruth] | None:
    """Of all tasks, and of those that waited or were expected to; None where there are none of either."""
    pairs = [(said, services[job].first_start - jobs[job].arrival_s) for job, said in expectations.items()]
    waited = [(said, wait_s) for said, wait_s in pairs if said.wait_s > 0 or wait_s > 0]
    return (_truth(pairs), _truth(waited)) if waited else None


def _truth(pairs: Sequence[tuple[Expectation, float]]) -> WaitTruth:
    count = len(pairs)
    return WaitTruth(
        count,
        math.fsum(said.wait_s for said, _ in pairs) / count,
        math.fsum(wait_s for _, wait_s in pairs) / count,
        sum(abs(wait_s - said.wait_s) <= said.error_s for said, wait_s in pairs) / count,
        sum(abs(wait_s - said.wait_s) <= 2 * said.error_s for said, wait_s in pairs) / count,
    )
