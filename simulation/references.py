"""What the scheduler is held against: known policies, each a small pure choice, and the two shapes that they come in.

A central line gives its first job to an idle instance. Immediate dispatch sends each arrival to an instance at once,
where it waits in that instance's own queue, first come, first served.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from simulation.jobs import Job
from simulation.least_work import LeastWork
from simulation.plant import Plant, Policy, Starts

Order: TypeAlias = Callable[[Job], float]
"""The smallest goes first; among equals the one that arrived first."""

Choose: TypeAlias = Callable[[Sequence[int], int, float], int]
"""(jobs at each instance, queued or running; jobs sent so far; chance in [0, 1)) -> index of the instance."""


def by_arrival(job: Job) -> float:
    """First come, first served."""
    return job.arrival_s


def by_service(job: Job) -> float:
    """Shortest job first, as one can who knows how long each takes."""
    return job.service_s


def round_robin(counts: Sequence[int], sent: int, chance: float) -> int:
    """One after the other."""
    return sent % len(counts)


def join_shortest_queue(counts: Sequence[int], sent: int, chance: float) -> int:
    """Fewest jobs; ties in rotation."""
    size = len(counts)
    return min(range(size), key=lambda n: (counts[n], (n - sent) % size))


def power_of_two(counts: Sequence[int], sent: int, chance: float) -> int:
    """Of two different instances, drawn at random, the one with fewer jobs; the first drawn where they have as many."""
    size = len(counts)
    if size == 1:
        return 0
    pair = int(chance * size * (size - 1))
    first, second = pair // (size - 1), pair % (size - 1)
    second += second >= first
    return second if counts[second] < counts[first] else first


class CentralLine:
    """One line for all; any idle instance takes its first job, the fastest first."""

    def __init__(self, plant: Plant, order: Order) -> None:
        self._plant = plant
        self._order = order
        self._line: list[tuple[float, int]] = []

    def arrived(self, job: int, now: float) -> Starts:
        """It lines up."""
        heappush(self._line, (self._order(self._plant.jobs[job]), job))
        return self._fill()

    def ended(self, job: int, instance: int, now: float, execution_s: float) -> Starts:
        """The instance is idle."""
        return self._fill()

    def changed(self, instance: int, now: float) -> Starts:
        """It may be up again."""
        return self._fill()

    def lost(self, job: int, instance: int, now: float) -> Starts:
        """It takes its old place in the line."""
        return self.arrived(job, now)

    def next_due(self) -> float | None:
        """Never."""
        return None

    def woken(self, now: float) -> Starts:
        """Never called."""
        return ()

    def _fill(self) -> Starts:
        starts: list[tuple[int, int]] = []
        if not self._line:
            return starts
        plant = self._plant
        numbers = range(len(plant.speeds))
        room = [plant.fleet.capacity - len(plant.running[n]) if plant.is_up[n] else 0 for n in numbers]
        while self._line and any(room):
            fastest = max((n for n in numbers if room[n]), key=lambda n: (plant.speeds[n], -n))
            room[fastest] -= 1
            starts.append((heappop(self._line)[1], fastest))
        return starts


class Immediate:
    """Each arrival goes to the queue of an instance that is up, at once and for good."""

    def __init__(self, plant: Plant, choose: Choose, seed: int = 0) -> None:
        self._plant = plant
        self._choose = choose
        self._queues: list[deque[int]] = [deque() for _ in plant.speeds]
        self._homeless: deque[int] = deque()
        self._sent = 0
        self._chance = random.Random(seed).random

    def arrived(self, job: int, now: float) -> Starts:
        """It is sent off; where nothing is up it waits for that."""
        plant = self._plant
        able = [n for n in range(len(plant.speeds)) if plant.is_up[n]]
        if not able:
            self._homeless.append(job)
            return ()
        counts = [len(self._queues[n]) + len(plant.running[n]) for n in able]
        instance = able[self._choose(counts, self._sent, self._chance())]
        self._sent += 1
        self._queues[instance].append(job)
        return self._fill(instance)

    def ended(self, job: int, instance: int, now: float, execution_s: float) -> Starts:
        """The next of its own queue."""
        return self._fill(instance)

    def changed(self, instance: int, now: float) -> Starts:
        """An instance that comes up goes on with its queue."""
        starts = list(self._fill(instance))
        while self._homeless and self._plant.is_up[instance]:
            self._queues[instance].append(self._homeless.popleft())
        return starts or self._fill(instance)

    def lost(self, job: int, instance: int, now: float) -> Starts:
        """It is sent off once more."""
        return self.arrived(job, now)

    def next_due(self) -> float | None:
        """Never."""
        return None

    def woken(self, now: float) -> Starts:
        """Never called."""
        return ()

    def _fill(self, instance: int) -> Starts:
        queue, plant = self._queues[instance], self._plant
        room = plant.fleet.capacity - len(plant.running[instance]) if plant.is_up[instance] else 0
        return [(queue.popleft(), instance) for _ in range(min(room, len(queue)))]


REFERENCES: dict[str, Callable[[Plant, int], Policy]] = {
    "pooled FIFO": lambda plant, seed: CentralLine(plant, by_arrival),
    "shortest first": lambda plant, seed: CentralLine(plant, by_service),
    "least work": lambda plant, seed: LeastWork(plant),
    "round robin": lambda plant, seed: Immediate(plant, round_robin),
    "JSQ": lambda plant, seed: Immediate(plant, join_shortest_queue),
    "power of two": lambda plant, seed: Immediate(plant, power_of_two, seed),
}
"""By the names that tables use. What is known of sizes and speeds: nothing, but for `shortest first` (all sizes) and
`least work` (all sizes, all speeds, each change at once)."""
