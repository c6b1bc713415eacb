"""What was known of a task's candidates at one moment, and what is said of it when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import NamedTuple

from actors.messages.answers import CandidateExplained, InstanceCondition, PlacementExplained
from actors.scheduler.prediction import Prediction
from actors.scheduler.strategies import Completion, Strategy, View


@dataclass(frozen=True, slots=True)
class Known:
    """The numbers of the candidates as they were (see `strategies.view.Numbers`); completions where they counted."""

    unknown_ms: float
    ordinary: Prediction
    slowness: Sequence[float]
    completions: Sequence[Completion]
    is_warm: bool

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


class Place(NamedTuple):
    """Where a candidate is, and how it was."""

    host: str
    port: int
    condition: InstanceCondition


@dataclass(frozen=True, slots=True)
class Moment:
    """At a time (Unix seconds): what it went by, in words and numbers. `able` are those that the task could go to.

    `chosen` is "" of one that waits, `meant` what it was given at its admission. `view` shows all instances of the pool.
    """

    at: float
    chosen: str
    meant: str
    why: str
    strategy: Strategy
    places: Sequence[Place]
    able: Sequence[int]
    view: View
    known: Known

    @property
    def choice(self) -> View:
        """What the strategy had to choose from."""
        candidates = [self.view.candidates[n] for n in self.able]
        return replace(self.view, candidates=candidates, expects=self.known.only(self.able))

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
        scores: list[float | None] = [None] * len(self.places)
        if self.strategy.score is not None and self.able:
            for n, score in zip(self.able, self.strategy.score(self.choice), strict=True):
                scores[n] = score if isfinite(score) else None
        return scores

    def _candidate(self, n: int, score: float | None) -> CandidateExplained:
        candidate, place = self.view.candidates[n], self.places[n]
        done = self.known.completions[n] if self.known.completions else None
        return CandidateExplained(
            ti_uuid=candidate.ti_uuid,
            host=place.host,
            port=place.port,
            condition=place.condition,
            capacity=candidate.capacity,
            running=candidate.in_flight,
            waiting=candidate.waiting,
            could_be_chosen=n in self.able,
            execution_ms=self.known.execution(n).mean_ms,
            completion_ms=done.mean_ms if done else None,
            completion_error_ms=done.std_ms if done else None,
            completion_q95_ms=done.q95_ms if done else None,
            score=score,
        )
