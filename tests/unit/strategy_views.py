"""What a strategy sees, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.scheduler.prediction import Prediction
from actors.scheduler.strategies import Candidate, Completion, View


@dataclass(frozen=True)
class Given:
    """Numbers as given: means and standard deviations of completion (ms) and, of any task, mean execution times."""

    done: Sequence[tuple[float, float]] = ()
    means: Sequence[float] = ()
    is_warm: bool = True
    asked: list[int] = field(default_factory=list)

    def mean_ms(self, at: int) -> float:
        return self.means[at] if self.means else 100.0

    def execution(self, at: int) -> Prediction:
        mean = self.mean_ms(at)
        return Prediction(mean, mean / 2, mean / 3, mean * 0.9, mean * 2)

    def completion(self, at: int) -> Completion:
        self.asked.append(at)
        mean, std = self.done[at] if self.done else (self.mean_ms(at), self.mean_ms(at) / 2)
        return Completion(mean, std, mean + 2 * std)

    def are_warm(self) -> bool:
        return self.is_warm


def candidate(
    name: str,
    *,
    in_flight: int = 0,
    waiting: int = 0,
    capacity: int = 1,
    weight: float | None = None,
    turn: float = 0.0,
) -> Candidate:
    """An instance, its weight its capacity unless given."""
    own = float(capacity) if weight is None else weight
    return Candidate(name, f"{name}:80", in_flight, waiting, capacity, own, turn)


def view(
    candidates: Sequence[Candidate],
    *,
    rotation: int = 0,
    chance: float = 0.5,
    key: str = "",
    given: Given | None = None,
) -> View:
    """A view of these."""
    return View(candidates, rotation, chance, key, given or Given())
