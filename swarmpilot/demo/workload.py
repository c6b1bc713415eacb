"""The stream of the demo: prompts and answers of skewed lengths, four priorities, a rate that swells and ebbs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

MODEL = "demo-model"

# How many of 100 tasks have which priority, most important first.
PRIORITIES = {"critical": 5, "high": 20, "normal": 55, "low": 20}

# The rate that the speeds below can serve with about a quarter to spare.
BASE_RATE = 32.0
SWELL = 0.5
SWELL_PERIOD_S = 8.0


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """A simulated instance: `speed` divides the token times of a model that takes 20 ms per token put out."""

    name: str
    speed: float
    capacity: int


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task and when it comes, in seconds after the start."""

    at_s: float
    priority: str
    input_tokens: int
    max_tokens: int


def plan_instances(rate: float) -> list[InstancePlan]:
    """Three instances of unequal speed that can just keep up with `rate` tasks a second."""
    scale = rate / BASE_RATE
    return [
        InstancePlan("fast", 10.0 * scale, 4),
        InstancePlan("medium", 5.0 * scale, 4),
        InstancePlan("slow", 2.5 * scale, 4),
    ]


def plan_tasks(seconds: float, rate: float, seed: int) -> Iterator[PlannedTask]:
    """The tasks of `seconds` seconds at `rate` a second on average, in order; the same for the same seed."""
    draw = random.Random(seed)
    at_s = 0.0
    while True:
        swell = 1.0 + SWELL * math.sin(2.0 * math.pi * at_s / SWELL_PERIOD_S)
        at_s += draw.expovariate(rate * swell)
        if at_s >= seconds:
            return
        priority = draw.choices(list(PRIORITIES), weights=list(PRIORITIES.values()))[0]
        yield PlannedTask(at_s, priority, _length(draw, 400, 4000), _length(draw, 60, 400))


def _length(draw: random.Random, median: int, most: int) -> int:
    return max(1, min(most, round(draw.lognormvariate(math.log(median), 0.7))))
