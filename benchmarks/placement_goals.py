"""What placement has to reach, and whether it does: figures of a strategy over those of what it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Row
from simulation.experiment import Measured
from simulation.figures import Spread

BIAS = 0.10
WITHIN_ONE = (0.60, 0.80)
WITHIN_TWO = 0.93


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure, its goal in words, and whether it is reached."""

    what: str
    measured: str
    goal: str
    is_met: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.measured} (goal {self.goal})"


def against_one(
    measured: Sequence[Measured],
    strategy: str,
    load: float,
    where: str,
    reference: str,
    mean_goal: float | None,
    p99_goal: float,
) -> list[Finding]:
    """Mean (unless None) and p99 latency over those of one reference."""
    against = _latency(measured, reference, load)
    return _ratios(measured, strategy, load, where, reference, (against.mean, against.p99), (mean_goal, p99_goal))


def against_best(
    measured: Sequence[Measured],
    strategy: str,
    load: float,
    where: str,
    references: Sequence[str],
    mean_goal: float,
    p99_goal: float,
) -> list[Finding]:
    """The same over the best of several, for each figure by itself."""
    others = [_latency(measured, reference, load) for reference in references]
    best = min(other.mean for other in others), min(other.p99 for other in others)
    name = f"best of {', '.join(references)}"
    return _ratios(measured, strategy, load, where, name, best, (mean_goal, p99_goal))


def of_waits(measured: Sequence[Measured], strategy: str, load: float, where: str) -> list[Finding]:
    """How truthful expected waits are; the shares among tasks that waited or were expected to."""
    waits = _one(measured, strategy, load).waits
    if waits is None:
        return []
    truth = waits[1]
    low, high = WITHIN_ONE
    said = f"waits, {where}, load {load:g}"
    return [
        Finding(f"{said}: bias", f"{truth.bias:+.0%}", f"within {BIAS:.0%}", abs(truth.bias) <= BIAS),
        Finding(
            f"{said}: true ones within 1 sigma",
            f"{truth.within_one:.0%}",
            f"{low:.0%} to {high:.0%}",
            low <= truth.within_one <= high,
        ),
        Finding(
            f"{said}: within 2 sigma", f"{truth.within_two:.0%}", f"≥ {WITHIN_TWO:.0%}", truth.within_two >= WITHIN_TWO
        ),
    ]


def over_decisions(row: Row) -> Finding:
    """Decisions a second of one scheduler actor."""
    return Finding(f"one scheduler actor, {row.note}", f"{row.measured:,.0f}/s", f"{row.goal}/s", row.is_met)


def _ratios(
    measured: Sequence[Measured],
    strategy: str,
    load: float,
    where: str,
    reference: str,
    against: tuple[float, float],
    goals: tuple[float | None, float],
) -> list[Finding]:
    latency = _latency(measured, strategy, load)
    found = []
    for name, value, other, goal in zip(("mean", "p99"), (latency.mean, latency.p99), against, goals, strict=True):
        if goal is not None:
            what = f"{where}, load {load:g}: {name} over {reference}"
            found.append(Finding(what, f"{value / other:.2f}", f"≤ {goal:.2f}", value / other <= goal))
    return found


def _latency(measured: Sequence[Measured], name: str, load: float) -> Spread:
    return _one(measured, name, load).figures.latency


def _one(measured: Sequence[Measured], name: str, load: float) -> Measured:
    return next(one for one in measured if (one.name, one.load) == (name, load))
