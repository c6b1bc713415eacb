"""Workloads that need no file: drawn from a seed, with the statistics of what they stand in for."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulation.clients import client_requests, zipf_clients
from simulation.jobs import Request

CONVERSATION_RATE = 5.53
CONVERSATION_VARIATION = 1.07
"""Coefficient of variation of the gaps, that of the rate set aside."""
CONVERSATION_PERIOD_S = 3500.0
CONVERSATION_PROFILE = (0.85, 0.84, 0.92, 0.92, 1.11, 1.32, 1.32, 1.09, 1.01, 0.84, 0.77)
"""The rate over the period, in equal parts of it, over its mean."""
CONVERSATION_MINUTES = 60.0
"""Shape of the gamma distribution of the rate from minute to minute, around that profile."""

LEVELS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1)
CONVERSATION_INPUT = (2, 29, 181, 207, 387, 403, 703, 1020, 1071, 1130, 1315, 2735, 4083, 4098, 4142, 6212, 14050)
CONVERSATION_OUTPUT = (7, 16, 41, 54, 77, 91, 103, 129, 177, 384, 400, 424, 451, 540, 601, 954, 1000)
"""Quantiles at LEVELS, of the Azure conversation trace of 2023 (Azure/AzurePublicDataset, CC-BY 4.0)."""


@dataclass(frozen=True, slots=True)
class TaskKind:
    """One of several kinds of tasks: its share, and median and log-normal deviation of its tokens in and out.

    A task of it should be done `deadline_s` after it came.
    """

    name: str
    share: float
    input_median: float
    input_sigma: float
    output_median: float
    output_sigma: float
    max_tokens: int
    deadline_s: float


KINDS = (
    TaskKind("classify", 0.30, 300, 0.5, 6, 0.4, 16, 2.0),
    TaskKind("chat", 0.40, 500, 1.0, 120, 0.8, 1024, 20.0),
    TaskKind("summarise", 0.20, 3000, 0.6, 250, 0.4, 512, 60.0),
    TaskKind("code", 0.10, 1200, 0.8, 700, 0.6, 4096, 300.0),
)


def conversation(seed: int, tasks: int) -> list[Request]:
    """Like the Azure conversation trace of 2023: its rate with ups and downs, its bursts, its sizes in and out."""
    chance = random.Random(seed)
    shape = CONVERSATION_VARIATION**-2
    at_s, until_s, factor, requests = 0.0, 0.0, 1.0, []
    for _ in range(tasks):
        if at_s >= until_s:
            until_s, factor = at_s + 60.0, chance.gammavariate(CONVERSATION_MINUTES, 1.0 / CONVERSATION_MINUTES)
        taken = _from_quantiles(CONVERSATION_INPUT, chance.random())
        requests.append(Request(at_s, taken, _from_quantiles(CONVERSATION_OUTPUT, chance.random())))
        part = int(at_s / CONVERSATION_PERIOD_S * len(CONVERSATION_PROFILE)) % len(CONVERSATION_PROFILE)
        rate = CONVERSATION_RATE * CONVERSATION_PROFILE[part] * factor
        at_s += chance.gammavariate(shape, 1.0 / (shape * rate))
    return requests


def mix(seed: int, tasks: int) -> list[Request]:
    """Poisson arrivals of four kinds of tasks, whose sizes differ between and within kinds."""
    chance = random.Random(seed)
    at_s, requests = 0.0, []
    for _ in range(tasks):
        [kind] = chance.choices(KINDS, [kind.share for kind in KINDS])
        taken = _log_normal(kind.input_median, kind.input_sigma, chance)
        made = min(_log_normal(kind.output_median, kind.output_sigma, chance), kind.max_tokens)
        requests.append(Request(at_s, taken, made, kind.name, max_tokens=kind.max_tokens, deadline_s=kind.deadline_s))
        at_s += chance.expovariate(1.0)
    return requests


def clients(seed: int, tasks: int) -> list[Request]:
    """73 clients, of whom 17 send 0.8 of all requests."""
    return client_requests(zipf_clients(), seed, tasks)


WORKLOADS: dict[str, Callable[[int, int], list[Request]]] = {
    "conversation": conversation,
    "mix": mix,
    "clients": clients,
}
"""By name: (seed, how many) -> requests."""


def _from_quantiles(quantiles: Sequence[float], level: float) -> int:
    """The value at this level, on the line between the two quantiles around it."""
    at = min(bisect_right(LEVELS, level), len(LEVELS) - 1)
    below, above = LEVELS[at - 1], LEVELS[at]
    return round(quantiles[at - 1] + (quantiles[at] - quantiles[at - 1]) * (level - below) / (above - below))


def _log_normal(median: float, sigma: float, chance: random.Random) -> int:
    return max(1, round(median * math.exp(sigma * chance.gauss(0.0, 1.0))))
