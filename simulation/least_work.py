"""The omniscient least-work policy: it knows every service time, and every change of speed at once.

Each arrival goes to the instance where it completes first. When an instance changes, what waits is dealt out anew, in
order of arrival: so it is also the bound for a run in which an instance slows down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heapreplace

from simulation.plant import Plant, Starts


def completes_first(free_at: Sequence[float], speeds: Sequence[float], service_s: float, now: float) -> int:
    """The index of the instance that would be done with the job first, given when each has a place for it.

    Ties go to the lower index.
    """
    return min(range(len(speeds)), key=lambda n: max(free_at[n], now) + service_s / speeds[n])


class LeastWork:
    """A queue an instance, and a plan of when each of its places will be free."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._queues: list[deque[int]] = [deque() for _ in plant.speeds]
        self._homeless: list[int] = []
        self._places = [[0.0] * plant.fleet.capacity for _ in plant.speeds]

    def arrived(self, job: int, now: float) -> Starts:
        """To the queue where it completes first; where nothing is up it waits for that."""
        instance = self._assign(job, now)
        return () if instance is None else self._fill(instance)

    def ended(self, job: int, instance: int, now: float, execution_s: float) -> Starts:
        """The next of its own queue."""
        return self._fill(instance)

    def changed(self, instance: int, now: float) -> Starts:
        """All that waits is dealt out anew."""
        return self._deal(now, [])

    def lost(self, job: int, instance: int, now: float) -> Starts:
        """It is dealt out with the others, by its arrival."""
        return self._deal(now, [job])

    def next_due(self) -> float | None:
        """Never."""
        return None

    def woken(self, now: float) -> Starts:
        """Never called."""
        return ()

    def _assign(self, job: int, now: float) -> int | None:
        plant = self._plant
        able = [n for n in range(len(plant.speeds)) if plant.is_up[n]]
        if not able:
            self._homeless.append(job)
            return None
        service_s = plant.jobs[job].service_s
        free_at = [self._places[n][0] for n in able]
        instance = able[completes_first(free_at, [plant.speeds[n] for n in able], service_s, now)]
        places = self._places[instance]
        heapreplace(places, max(places[0], now) + service_s / plant.speeds[instance])
        self._queues[instance].append(job)
        return instance

    def _deal(self, now: float, returned: Sequence[int]) -> Starts:
        waiting = sorted([*returned, *self._homeless, *(job for queue in self._queues for job in queue)])
        self._homeless.clear()
        for instance, runs in enumerate(self._plant.running):
            self._queues[instance].clear()
            idle = self._plant.fleet.capacity - len(runs)
            self._places[instance] = [now] * idle + [run.ends for run in runs.values()]
            heapify(self._places[instance])
        for job in waiting:
            self._assign(job, now)
        return [start for instance in range(len(self._queues)) for start in self._fill(instance)]

    def _fill(self, instance: int) -> Starts:
        queue, plant = self._queues[instance], self._plant
        room = plant.fleet.capacity - len(plant.running[instance]) if plant.is_up[instance] else 0
        return [(queue.popleft(), instance) for _ in range(min(room, len(queue)))]
