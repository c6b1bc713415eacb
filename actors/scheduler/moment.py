"""What was known of a task's candidates at one moment, and what is said of it when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from actors.messages.answers import CandidateExplained, InstanceCondition, PlacementExplained
from actors.scheduler.prediction import Prediction
from actors.scheduler.strategies import Candidate, Completion, Strategy, View

if TYPE_CHECKING:
    from actors.scheduler.instance import Instance


@dataclass(slots=True)
class Known:
    """The numbers of the candidates as they were (see `strategies.view.Numbers`); completions where they counted."""

    unknown_ms: float
    ordinary: Prediction
    slowness: Sequence[float]
    completions: Sequence[Completion] = ()
    is_warm: bool = False

    def mean_ms(self, at: int) -> float:
        """As it was."""
        return self.unknown_ms * self.slowness[at]

    def execution(self, at: int) -> Prediction:
        """As it was."""
        return self.ordinary.scaled(self.slowness[at])

    def completion(self, at: int) -> Completion:
        """As it was."""
        return self.completions[at]

    def are_warm(self) -> bool:
        """As it was."""
        return self.is_warm

    def only(self, able: Sequence[int]) -> Known:
        """The same of some of them."""
        completions = [self.completions[n] for n in able] if self.completions else ()
        return replace(self, slowness=[self.slowness[n] for n in able], completions=completions)


Row: TypeAlias = "tuple[Instance, InstanceCondition, int, int, float]"
"""An instance, and how it was: its condition, its tasks running and waiting (but for the one in question), its turn."""


@dataclass(slots=True)
class Moment:
    """At a time (Unix seconds): what it went by. `able` are those that the task could go to, `why` is the reason.

    `chosen` is "" of one that waits, `meant` what it was given at its admission. `rows` has all instances of the pool,
    `known` their numbers; the rest is as in `View`. As little as can be is made of it before somebody asks.
    """

    at: float
    chosen: str
    meant: str
    why: str
    strategy: Strategy
    rows: Sequence[Row]
    able: Sequence[Instance]
    known: Known
    rotation: int
    chance: float
    key: str

    @property
    def choice(self) -> View:
        """What the strategy had to choose from."""
        able = self._indices()
        candidates = [as_seen(self.rows[n]) for n in able]
        return View(candidates, self.rotation, self.chance, self.key, self.known.only(able))

    def told(self, task_id: str) -> PlacementExplained:
        """The explanation."""
        return PlacementExplained(
            task_id,
            "started" if self.chosen else "waiting",
            self.why,
            self.chosen,
            self.meant,
            self.strategy.name,
            self.strategy.unit,
            self.at,
            tuple(self._candidate(n, score) for n, score in enumerate(self._scores())),
        )

    def _scores(self) -> list[float | None]:
        scores: list[float | None] = [None] * len(self.rows)
        if self.strategy.score is not None and self.able:
            for n, score in zip(self._indices(), self.strategy.score(self.choice), strict=True):
                scores[n] = score if isfinite(score) else None
        return scores

    def _indices(self) -> list[int]:
        return [n for n, row in enumerate(self.rows) if row[0] in self.able]

    def _candidate(self, n: int, score: float | None) -> CandidateExplained:
        instance, condition, running, waiting, _ = self.rows[n]
        done = self.known.completions[n] if self.known.completions else None
        return CandidateExplained(
            ti_uuid=instance.ti_uuid,
            host=instance.host,
            port=instance.port,
            condition=condition,
            capacity=instance.capacity,
            running=running,
            waiting=waiting,
            could_be_chosen=instance in self.able,
            execution_ms=self.known.execution(n).mean_ms,
            completion_ms=done.mean_ms if done else None,
            completion_error_ms=done.std_ms if done else None,
            completion_q95_ms=done.q95_ms if done else None,
            score=score,
        )


def as_seen(row: Row) -> Candidate:
    """The instance as a strategy sees it."""
    instance, _, running, waiting, turn = row
    return Candidate(instance.ti_uuid, instance.address, running, waiting, instance.capacity, instance.weight, turn)
