"""What one pool's tasks take on an instance of ordinary speed: by kind and sizes, by sizes, or by nothing at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import copysign, exp, log, sqrt

from actors.messages.tasks import Features
from actors.scheduler.prediction.drift import Drift
from actors.scheduler.prediction.linear_fit import LinearFit, first_fit
from actors.scheduler.prediction.spread import Spread

MAX_KINDS = 128
"""Kinds of tasks remembered for each pool, the last seen; each with each set of sizes that it comes with."""

YOUNG = 16
"""Reports below which an estimate is a first impression."""

PARENT_EVERY = 5
"""What kinds of tasks have in common is learnt from the first reports of a kind, then from each fifth."""

KIND_GAIN = 0.8
"""How far the first report of a new kind is believed: kinds differ more from each other than within themselves."""

LEAST_SIZE = 1e-6
"""A size below that (ms, tokens) is none: its square, over that of a large one, must be a number still."""

ANY = ""
"""The key of all tasks together, whatever they say of themselves."""


@dataclass(slots=True)
class Estimate:
    """Mean by sizes, the spread around it, and whether either has just changed."""

    fit: LinearFit
    spread: Spread
    drift: Drift

    def learn(self, size1: float, size2: float, took_ms: float) -> None:
        """Take in one report, of the time on an instance of ordinary speed (ms)."""
        fit, spread = self.fit, self.spread
        expected_ms = fit.expect(size1, size2)
        ratio = log(took_ms / expected_ms)
        clipped = spread.clipped(ratio)
        fit.learn(size1, size2, took_ms if clipped == ratio else expected_ms * exp(clipped), expected_ms)
        away, deviation = ratio - spread.mean, sqrt(spread.variance + 1.0 / fit.count)
        change = self.drift.note(away / deviation)
        spread.note(clipped)
        if change:
            # No farther than to this very report, which is on the side of the change.
            fit.restart(exp(copysign(min(abs(change * deviation), abs(away)), change)))


@dataclass(slots=True)
class Estimates:
    """Estimates by what a task says of itself (see `key_of`), the last used last. `log_factor` is of the instances.

    Instances of one pool are faster or slower than what is expected here. Where they all are, so is the
    expectation before long.
    """

    by_key: dict[str, Estimate] = field(default_factory=dict)
    log_factor: float = 0.0

    def find(self, shape: str, kind: str) -> Estimate | None:
        """The estimate for the kind, or else for all tasks with such sizes."""
        found = self.by_key.get(shape + kind) if kind else None
        return found or self.by_key.get(shape)

    def learn(self, shape: str, kind: str, size1: float, size2: float, took_ms: float) -> None:
        """Take in one report, of the time on an instance of ordinary speed (ms)."""
        own = self.by_key.get(shape + kind)
        if own is None or own.fit.count < YOUNG or own.fit.count % PARENT_EVERY == 0:
            if shape or kind:
                self._learn_at(ANY, 0.0, 0.0, took_ms, None)
            if shape and kind:
                self._learn_at(shape, size1, size2, took_ms, None)
        self._learn_at(shape + kind, size1, size2, took_ms, self.by_key.get(shape) if kind else None)

    def _learn_at(self, key: str, size1: float, size2: float, took_ms: float, parent: Estimate | None) -> None:
        found = self.by_key.pop(key, None)
        if found is not None:
            found.learn(size1, size2, took_ms)
        elif parent is None:
            found = Estimate(first_fit(size1, size2, took_ms), Spread(), Drift())
        else:
            factor = (took_ms / parent.fit.expect(size1, size2)) ** KIND_GAIN
            found = Estimate(parent.fit.young(factor), Spread(), Drift())
            found.learn(size1, size2, took_ms)
        self.by_key[key] = found
        if len(self.by_key) > MAX_KINDS:
            del self.by_key[next(iter(self.by_key))]


def shape_of(features: Features | None) -> tuple[str, float, float]:
    """Which sizes the task states, as one letter each, and the two that count: its own guess before all others."""
    shape, size1, size2 = _stated(features)
    return shape, size1 if size1 >= LEAST_SIZE else 0.0, size2 if size2 >= LEAST_SIZE else 0.0


def _stated(features: Features | None) -> tuple[str, float, float]:
    if features is None:
        return "", 0.0, 0.0
    expected, output, taken_in = features.expected_ms, features.max_tokens, features.input_tokens
    if expected is not None:
        if output is not None:
            return "eo:", expected, output
        return ("e:", expected, 0.0) if taken_in is None else ("ei:", expected, taken_in)
    if output is not None:
        return ("o:", output, 0.0) if taken_in is None else ("oi:", output, taken_in)
    return ("", 0.0, 0.0) if taken_in is None else ("i:", taken_in, 0.0)
