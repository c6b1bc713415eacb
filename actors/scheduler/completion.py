"""When a task would be done on an instance: what runs there, what waits there, and itself, as predicted."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from actors.messages.tasks import Features
from actors.scheduler.instance import Instance
from actors.scheduler.prediction import Prediction, Remaining
from actors.scheduler.state import SchedulerState, TaskEntry
from actors.scheduler.strategies import Completion

WARM_REPORTS = 20
"""Reports of a pool's tasks after which their distribution is taken to be known, roughly."""

WARM_VARIANCE = 0.1
"""Variance of the logarithm of an instance's speed below which that is known, roughly: a few reports of its own."""


class Wait(NamedTuple):
    """Until a place is there for a task that comes now: mean (ms) and variance (ms²)."""

    mean_ms: float
    variance: float


def wait_behind(state: SchedulerState, instance: Instance, now: float, without: TaskEntry | None = None) -> Wait:
    """Behind all that runs and waits here, if nobody else takes any of it and nobody comes in between.

    `without` is a task that is not to count where it waits.
    """
    waiting, sized, work_ms = instance.waiting, instance.sized, instance.work_ms
    if without is not None and waits_for(without, instance):
        waiting, sized, work_ms = waiting - 1, sized - (without.expected_ms > 0), work_ms - without.expected_ms
    if len(instance.in_flight) < instance.capacity and not waiting:
        return Wait(0.0, 0.0)
    each = state.predict_any(instance)
    left = [state.left_of(state.tasks[task_id], instance, now) for task_id in sorted(instance.in_flight)]
    first_ms = first_of(left) if len(left) >= instance.capacity else 0.0
    sized_ms = work_ms * state.predictions.slowness(instance.pool, instance.ti_uuid)
    ahead_ms = (sized_ms + (waiting - sized) * each.mean_ms) / instance.capacity
    variance = sum(one.std_ms**2 for one in left) / max(len(left), 1) ** 2 if left else 0.0
    return Wait(first_ms + ahead_ms, variance + waiting * each.std_ms**2 / instance.capacity**2)


def waits_for(entry: TaskEntry, instance: Instance) -> bool:
    """Whether the task is counted among those that wait for this instance."""
    return not entry.ti_uuid and entry.tentative == instance.ti_uuid


def first_of(left: Sequence[Remaining]) -> float:
    """When the first of them is done (ms), by Weibull's distribution of their deviation."""
    means = [max(each.mean_ms, 1e-3) for each in left]
    if len(means) == 1:
        return means[0]
    variation = sum(each.std_ms for each in left) / sum(means)
    shape = 1.0 / min(max(variation, 0.02), 1.0)
    least = min(means)
    return least * float(sum((least / mean) ** shape for mean in means) ** (-1.0 / shape))


def completion(wait: Wait, execution: Prediction) -> Completion:
    """Both together, as independent; the quantile by the lognormal law where there is a wait."""
    mean_ms = wait.mean_ms + execution.mean_ms
    std_ms = sqrt(wait.variance + execution.std_ms**2)
    if wait.mean_ms <= 0.0:
        return Completion(mean_ms, std_ms, execution.q95_ms)
    known = Completion(mean_ms, std_ms, 0.0)
    return Completion(mean_ms, std_ms, known.quantile(0.95))


class Expectations:
    """The numbers of the candidates for one task (see `strategies.view`), each worked out once, when it is asked for.

    `added` are tasks that each is about to get besides.
    """

    __slots__ = (
        "_added",
        "_done",
        "_execution",
        "_features",
        "_instances",
        "_now",
        "_slowness",
        "_state",
        "_unknown_ms",
        "_without",
    )

    def __init__(
        self,
        state: SchedulerState,
        instances: Sequence[Instance],
        features: Features | None,
        now: float,
        added: Sequence[int] = (),
        without: TaskEntry | None = None,
    ) -> None:
        self._state, self._instances, self._features, self._now = state, instances, features, now
        self._added, self._without = added, without
        self._slowness = state.predictions.slowness
        self._unknown_ms: float | None = None
        self._execution: Prediction | None = None
        self._done: dict[int, Completion] = {}

    def mean_ms(self, at: int) -> float:
        """Mean execution time there of a task of which nothing is known."""
        instance = self._instances[at]
        return self.ordinary_ms() * self._slowness(instance.pool, instance.ti_uuid)

    def ordinary_ms(self) -> float:
        """The same on an instance of ordinary speed."""
        if self._unknown_ms is None:
            self._unknown_ms = self._state.predictions.ordinary(self._instances[0].pool, None).mean_ms
        return self._unknown_ms

    def execution(self, at: int) -> Prediction:
        """Execution time of this task there."""
        instance = self._instances[at]
        return self.ordinary().scaled(self._slowness(instance.pool, instance.ti_uuid))

    def ordinary(self) -> Prediction:
        """The same on an instance of ordinary speed."""
        if self._execution is None:
            self._execution = self._state.predictions.ordinary(self._instances[0].pool, self._features)
        return self._execution

    def completion(self, at: int) -> Completion:
        """When this task would be done there, behind all that runs and waits there."""
        known = self._done.get(at)
        if known is None:
            wait = wait_behind(self._state, self._instances[at], self._now, self._without)
            if self._added and self._added[at]:
                more_ms = self._added[at] * self.mean_ms(at) / self._instances[at].capacity
                wait = Wait(wait.mean_ms + more_ms, wait.variance)
            known = self._done[at] = completion(wait, self.execution(at))
        return known

    def are_warm(self) -> bool:
        """Whether enough was reported, by every candidate, for these numbers to be worth something."""
        predictions, pool = self._state.predictions, self._instances[0].pool
        return predictions.is_warm(pool, WARM_REPORTS) and all(
            predictions.doubt_of(instance.ti_uuid) <= WARM_VARIANCE for instance in self._instances
        )
