"""What a strategy sees: the candidates for one task, and what is expected of it on each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import exp, log
from typing import NamedTuple, Protocol

from actors.scheduler.prediction import Prediction

BITS = (1 << 64) - 1


class Completion(NamedTuple):
    """When the task would be done on an instance, in ms from now: mean, standard deviation and 95 % quantile."""

    mean_ms: float
    std_ms: float
    q95_ms: float

    def quantile(self, share: float) -> float:
        """The time (ms) within which it is done in this share of cases, by the lognormal law; 0 < share < 1."""
        if self.mean_ms <= 0.0:
            return 0.0
        variance = log(1.0 + (self.std_ms / self.mean_ms) ** 2)
        # 1.702: the logistic law with which the normal one agrees within 0.01.
        return self.mean_ms * exp(log(share / (1.0 - share)) / 1.702 * variance**0.5 - variance / 2)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instance that may get the task. `waiting` are the tasks that are meant for it and have not been started.

    `address` is host:port, or the worker's id. `weight` is the configured one, else its capacity. `turn` grows with
    each task that others get, and falls with each that it gets: see `turns`.
    """

    ti_uuid: str
    address: str
    in_flight: int
    waiting: int
    capacity: int
    weight: float
    turn: float = 0.0

    @property
    def load(self) -> float:
        """Its tasks, running or waiting, a place."""
        return (self.in_flight + self.waiting) / self.capacity


class Numbers(Protocol):
    """What is expected, by the number of the candidate. Worked out when asked for, and not before."""

    def mean_ms(self, at: int) -> float:
        """Mean execution time there of a task of which nothing is known."""

    def execution(self, at: int) -> Prediction:
        """Execution time of this task there."""

    def completion(self, at: int) -> Completion:
        """When this task would be done there, behind all that runs and waits there."""

    def are_warm(self) -> bool:
        """Whether enough was reported, by every candidate, for these numbers to be worth something."""


@dataclass(frozen=True, slots=True)
class View:
    """All that one choice goes by. Strategies read it and nothing else, so that the same view gives the same choice.

    `candidates` are one or more, all up (or none of all is). `rotation` counts the tasks placed so far, `chance` is a
    random number in [0, 1), `key` says which tasks belong together ("": this one to none), `expects` has the numbers.
    """

    candidates: Sequence[Candidate]
    rotation: int
    chance: float
    key: str
    expects: Numbers

    def draws(self) -> list[float]:
        """A random number in (0, 1) for each candidate, all from the one `chance`."""
        seed = int(self.chance * 2**53)
        return [(_mixed(seed * 0x9E3779B97F4A7C15 + n) + 0.5) / 2**64 for n in range(len(self.candidates))]

    def affinities(self) -> list[float]:
        """A number in (0, 1) for each candidate that depends on `key` and on its address alone."""
        own = hash_of(self.key)
        return [(_mixed(own ^ hash_of(candidate.address)) + 0.5) / 2**64 for candidate in self.candidates]


@lru_cache(4096)
def hash_of(text: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _mixed(value: int) -> int:
    """64 bits of which each depends on each of the value's (the finalizer of splitmix64; Steele et al., 2014)."""
    value &= BITS
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & BITS
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & BITS
    return value ^ (value >> 31)
