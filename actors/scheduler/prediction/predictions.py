"""How long tasks will take, learnt from the execution times that instances report. Pure, and bounded in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log, sqrt

from actors.messages.tasks import Features
from actors.scheduler.prediction.estimates import ANY, YOUNG, Estimates, shape_of
from actors.scheduler.prediction.prediction import Prediction
from actors.scheduler.prediction.speed import Speed
from actors.scheduler.prediction.table import LookupTable

UNKNOWN_MS = 1000.0
"""Mean and deviation assumed before the first report of a pool (ms)."""

UNKNOWN = Prediction(UNKNOWN_MS, UNKNOWN_MS, 179.8, 707.1, 2781.0)
"""That, as a lognormal distribution."""

SHORTEST_MS, LONGEST_MS = 1e-3, 1e12
"""What is reported beyond these bounds counts as if it were just there."""

DOUBT = (0.0, 1.0, 4.0, 9.0)
"""How doubtful the expectation of so many coefficients is after one report (variance of its logarithm)."""

MAX_POOLS, MAX_INSTANCES = 256, 4096
"""What is remembered, the last reported."""

COMMON_STEP, COMMON_LEAK = 1.0 / 50, 0.02
"""How fast a pool's common factor follows its instances, a report, and how fast expectations take it over."""


@dataclass(slots=True)
class Learnt:
    """All that reports have taught, by pool and by instance, the last reported last."""

    by_pool: dict[str, Estimates] = field(default_factory=dict)
    speeds: dict[str, Speed] = field(default_factory=dict)


class Predictions:
    """Estimates per pool (the instances of a model, or an agent's workers), and the speed of each instance.

    `tables` are of pools whose times somebody has measured: only the instances' speeds are then learnt, and what
    kinds of tasks take that the table does not have.
    """

    __slots__ = ("_tables", "learnt")

    def __init__(self, tables: Mapping[str, LookupTable] | None = None) -> None:
        self._tables = dict(tables or {})
        self.learnt = Learnt()

    def observe(self, pool: str, features: Features | None, ti_uuid: str, execution_ms: float) -> None:
        """Take in that a task of these features took so long on this instance; what is no time is passed over."""
        if not execution_ms >= 0.0:
            return
        took_ms = SHORTEST_MS if execution_ms < SHORTEST_MS else min(execution_ms, LONGEST_MS)
        estimates, speed = self._seen(pool, ti_uuid)
        shape, size1, size2 = shape_of(features)
        kind = features.kind if features is not None else ""
        known = estimates.find(shape, kind)
        log_factor, is_young = speed.log_factor, known is None or known.fit.count < YOUNG
        table = self._tables.get(pool)
        measured = table.look_up(features) if table is not None else None
        if measured is not None:
            ratio = log(took_ms / measured.q50_ms) - speed.log_factor
            speed.note(ratio, log(1.0 + (measured.std_ms / measured.mean_ms) ** 2) + 1e-4)
        elif known is not None:
            ratio = log(took_ms / known.fit.expect(size1, size2)) - speed.log_factor - known.spread.mean
            unknowns = 1 + (size1 > 0.0) + (size2 > 0.0)
            speed.note(ratio, known.spread.variance + DOUBT[unknowns] / known.fit.count)
        estimates.log_factor += COMMON_STEP * (speed.log_factor - estimates.log_factor)
        # While little is known, what the instance's speed explains must not be learnt twice.
        log_factor = (speed.log_factor if is_young else log_factor) - COMMON_LEAK * estimates.log_factor
        estimates.learn(shape, kind, size1, size2, took_ms * exp(-log_factor))

    def predict(self, pool: str, features: Features | None, ti_uuid: str) -> Prediction:
        """What a task of these features takes on this instance, whether or not it has reported before."""
        return self.ordinary(pool, features).scaled(self.slowness(pool, ti_uuid))

    def ordinary(self, pool: str, features: Features | None) -> Prediction:
        """What a task of these features takes on an instance of ordinary speed; None: of which nothing is known."""
        table = self._tables.get(pool)
        measured = table.look_up(features) if table is not None else None
        if measured is not None:
            return measured
        estimates = self.learnt.by_pool.get(pool)
        if estimates is None:
            return _guess(features)
        shape, size1, size2 = shape_of(features)
        known = estimates.find(shape, features.kind if features is not None else "")
        if known is None:
            known, size1, size2 = estimates.by_key[ANY], 0.0, 0.0
        return known.spread.around(known.fit.expect(size1, size2))

    def slowness(self, pool: str, ti_uuid: str) -> float:
        """How many times as long this instance takes for anything; as the others, where it has not reported yet."""
        speed = self.learnt.speeds.get(ti_uuid)
        if speed is not None:
            return exp(speed.log_factor)
        estimates = self.learnt.by_pool.get(pool)
        return exp(estimates.log_factor) if estimates is not None else 1.0

    def least_log_slowness(self, pool: str, ti_uuid: str) -> float:
        """The logarithm of `slowness`, with the doubt in the instance's favour.

        So one that seems slow after few reports is given tasks until that is sure.
        """
        speed = self.learnt.speeds.get(ti_uuid)
        if speed is not None:
            return speed.log_factor - sqrt(max(speed.variance, 0.0))
        estimates = self.learnt.by_pool.get(pool)
        return estimates.log_factor if estimates is not None else 0.0

    def speed_of(self, pool: str, ti_uuid: str) -> tuple[float, float, bool]:
        """`slowness`, `least_log_slowness`, and whether the instance has reported yet, on which they then rest."""
        return self.slowness(pool, ti_uuid), self.least_log_slowness(pool, ti_uuid), ti_uuid in self.learnt.speeds

    def forget_instance(self, ti_uuid: str) -> None:
        """The instance is gone, or is another than before."""
        self.learnt.speeds.pop(ti_uuid, None)

    def _seen(self, pool: str, ti_uuid: str) -> tuple[Estimates, Speed]:
        """What is known of both, from now on the last to be forgotten."""
        by_pool, speeds = self.learnt.by_pool, self.learnt.speeds
        estimates = by_pool.pop(pool, None) or Estimates()
        speed = speeds.pop(ti_uuid, None) or Speed(estimates.log_factor)
        by_pool[pool], speeds[ti_uuid] = estimates, speed
        if len(by_pool) > MAX_POOLS:
            del by_pool[next(iter(by_pool))]
        if len(speeds) > MAX_INSTANCES:
            del speeds[next(iter(speeds))]
        return estimates, speed


def _guess(features: Features | None) -> Prediction:
    """Before any report: what the submitter expects, else a second."""
    if features is None or not features.expected_ms:
        return UNKNOWN
    return UNKNOWN.scaled(max(features.expected_ms, SHORTEST_MS) / UNKNOWN_MS)
