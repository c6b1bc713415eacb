"""The virtual clock and the instances on it: what a policy starts runs for its time, then the policy hears of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Protocol, TypeAlias

from simulation.fleet import Change, Fleet, in_order
from simulation.jobs import Job

Starts: TypeAlias = Sequence[tuple[int, int]]
"""(job, instance): what a policy starts now."""


class Policy(Protocol):
    """Decides which job starts where. Jobs and instances are numbers, times seconds on the virtual clock."""

    def arrived(self, job: int, now: float) -> Starts:
        """The job is here."""

    def ended(self, job: int, instance: int, now: float, execution_s: float) -> Starts:
        """The instance has served the job, in so many seconds."""

    def changed(self, instance: int, now: float) -> Starts:
        """The instance has another speed, or is down, or up. Only an omniscient policy may look at the speed."""

    def lost(self, job: int, instance: int, now: float) -> Starts:
        """The instance went down with this job, which has to be started again; `changed` was told before."""

    def next_due(self) -> float | None:
        """When it wants to be woken; None for never."""

    def woken(self, now: float) -> Starts:
        """The time has come."""


@dataclass(slots=True)
class Run:
    """A job that is being served. `left_s` was left of it at `since`, at speed 1; `number` tells runs apart."""

    job: int
    instance: int
    number: int
    started: float
    left_s: float
    since: float
    ends: float = 0.0


@dataclass(slots=True)
class Service:
    """When a job was served (s): `first_start` differs from `start` where its first instance went down."""

    instance: int
    first_start: float
    start: float
    end: float


class Plant:
    """The instances as they are now, and the clock."""

    def __init__(self, jobs: Sequence[Job], fleet: Fleet) -> None:
        self.jobs = jobs
        self.fleet = fleet
        self.speeds = list(fleet.speeds)
        self.is_up = [True] * len(fleet.speeds)
        self.running: list[dict[int, Run]] = [{} for _ in fleet.speeds]
        self.services: dict[int, Service] = {}
        self._ends: list[tuple[float, int, Run]] = []
        self._runs = 0

    def has_room(self, instance: int) -> bool:
        """Whether it can start a job now."""
        return self.is_up[instance] and len(self.running[instance]) < self.fleet.capacity

    def start(self, job: int, instance: int, now: float) -> None:
        """The instance begins with the job. Raises ValueError where it has no room or the job was started before."""
        if not self.has_room(instance):
            raise ValueError(f"instance {instance} has no room for job {job} at {now} s")
        known = self.services.get(job)
        if known is not None and known.end != math.inf:
            raise ValueError(f"job {job} is started a second time at {now} s")
        self._runs += 1
        run = Run(job, instance, self._runs, now, self.jobs[job].service_s, now)
        self.running[instance][job] = run
        self.services[job] = Service(instance, known.first_start if known else now, now, -1.0)
        self._schedule(run, now)

    def next_end(self) -> float:
        """When the next job ends; infinity where none runs."""
        while self._ends:
            ends, _, run = self._ends[0]
            if run.ends == ends and self.running[run.instance].get(run.job) is run:
                return ends
            heappop(self._ends)
        return math.inf

    def end_next(self) -> Run:
        """The run that `next_end` speaks of is over."""
        _, _, run = heappop(self._ends)
        del self.running[run.instance][run.job]
        self.services[run.job].end = run.ends
        return run

    def change(self, change: Change, now: float) -> list[Run]:
        """Let it happen; what was running on an instance that goes down."""
        runs = self.running[change.instance]
        for run in runs.values():
            run.left_s -= (now - run.since) * self.speeds[change.instance]
        if change.speed is not None:
            self.speeds[change.instance] = change.speed
        if change.condition is not None:
            self.is_up[change.instance] = change.condition == "up"
        if change.condition == "down":
            lost, self.running[change.instance] = list(runs.values()), {}
            for run in lost:
                self.services[run.job].end = math.inf
            return lost
        for run in runs.values():
            self._schedule(run, now)
        return []

    def _schedule(self, run: Run, now: float) -> None:
        run.since = now
        run.ends = now + max(run.left_s, 0.0) / self.speeds[run.instance]
        heappush(self._ends, (run.ends, run.number, run))


def simulate(
    jobs: Sequence[Job], fleet: Fleet, changes: Sequence[Change], policy_for: Callable[[Plant], Policy]
) -> list[Service]:
    """Serve all jobs under a policy; when each was served. What ends at a time is seen before what changes or arrives.

    Raises RuntimeError where jobs are left that nothing will ever start.
    """
    plant = Plant(jobs, fleet)
    policy = policy_for(plant)
    coming = in_order(changes)
    arrived = changed = 0
    while True:
        arrival = jobs[arrived].arrival_s if arrived < len(jobs) else math.inf
        change = coming[changed].at_s if changed < len(coming) else math.inf
        due = policy.next_due()
        end, wake = plant.next_end(), math.inf if due is None else due
        now = min(end, change, wake, arrival)
        if arrival == math.inf and len(plant.services) == len(jobs) and end == math.inf and not _unserved(plant):
            return [plant.services[number] for number in range(len(jobs))]
        if now == math.inf:
            raise RuntimeError(f"{_unserved(plant) + len(jobs) - len(plant.services)} jobs were never served")
        if now == end:
            run = plant.end_next()
            starts = policy.ended(run.job, run.instance, now, now - run.started)
        elif now == change:
            starts = _change(plant, policy, coming[changed], now)
            changed += 1
        elif now == wake:
            starts = policy.woken(now)
        else:
            starts = policy.arrived(arrived, now)
            arrived += 1
        for job, instance in starts:
            plant.start(job, instance, now)


def _change(plant: Plant, policy: Policy, change: Change, now: float) -> Starts:
    lost = plant.change(change, now)
    for job, instance in policy.changed(change.instance, now):
        plant.start(job, instance, now)
    for run in lost:
        for job, instance in policy.lost(run.job, run.instance, now):
            plant.start(job, instance, now)
    return ()


def _unserved(plant: Plant) -> int:
    return sum(service.end == math.inf for service in plant.services.values())
