"""How long tasks take, learnt from the execution times that instances report."""

from __future__ import annotations

from dataclasses import dataclass, field

UNKNOWN_MS = 1000.0
"""Mean and deviation assumed before the first report of a model (ms)."""

MEMORY = 50
"""Reports after which older ones have lost two thirds of their weight."""


@dataclass(slots=True)
class Duration:
    """Decaying mean and variance of execution times in milliseconds."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def observe(self, execution_ms: float) -> None:
        """Take in one report: an exact average at first, an exponentially weighted one from then on."""
        self.count += 1
        weight = 1.0 / min(self.count, MEMORY)
        delta = execution_ms - self.mean
        self.mean += weight * delta
        self.variance = (1.0 - weight) * (self.variance + weight * delta * delta)


@dataclass(slots=True)
class Durations:
    """Estimates per model, and per instance of a model once it has reported."""

    by_model: dict[str, Duration] = field(default_factory=dict)
    by_instance: dict[str, Duration] = field(default_factory=dict)

    def observe(self, model_name: str, ti_uuid: str, execution_ms: float) -> None:
        """Take in one report."""
        self.by_model.setdefault(model_name, Duration()).observe(execution_ms)
        self.by_instance.setdefault(ti_uuid, Duration()).observe(execution_ms)

    def expect(self, model_name: str, ti_uuid: str) -> tuple[float, float]:
        """Mean and standard deviation (ms) of the next task of this model on this instance."""
        known = self.by_instance.get(ti_uuid) or self.by_model.get(model_name)
        if known is None:
            return UNKNOWN_MS, UNKNOWN_MS
        return known.mean, known.variance**0.5

    def forget_instance(self, ti_uuid: str) -> None:
        """The instance is gone."""
        self.by_instance.pop(ti_uuid, None)
