"""What came of a run: latencies and slowdowns, their mean and percentiles, and how evenly clients are served."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulation.jobs import Job
from simulation.plant import Service


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and percentiles (nearest rank) of many values."""

    mean: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one policy at one load: latency (s) from arrival to end, and slowdown: latency over the service time.

    That is the time on the fastest instance. `evenness` is Jain's index of the clients' slowdowns, each the latency of
    all its tasks over their service time: 1 where all are served alike, 1/n where one has it all. `late` is the share
    of the tasks with a deadline that ended after it. Either is None where there are none.
    """

    latency: Spread
    slowdown: Spread
    evenness: float | None
    late: float | None
    latencies: Sequence[float]


def figures_of(jobs: Sequence[Job], services: Sequence[Service], fastest: float) -> Figures:
    """The figures of one run, on instances of which the fastest has this speed."""
    latencies = [service.end - job.arrival_s for job, service in zip(jobs, services, strict=True)]
    slowdowns = [latency * fastest / job.service_s for job, latency in zip(jobs, latencies, strict=True)]
    of_clients: dict[str, list[tuple[float, float]]] = {}
    for job, latency in zip(jobs, latencies, strict=True):
        if job.request.client:
            of_clients.setdefault(job.request.client, []).append((latency * fastest, job.service_s))
    late = [
        latency > job.request.deadline_s
        for job, latency in zip(jobs, latencies, strict=True)
        if job.request.deadline_s is not None
    ]
    missed = sum(late) / len(late) if late else None
    return Figures(spread(latencies), spread(slowdowns), evenness(of_clients), missed, latencies)


def spread(values: Sequence[float]) -> Spread:
    """Mean and percentiles of at least one value."""
    ordered = sorted(values)
    return Spread(math.fsum(ordered) / len(ordered), *(_percentile(ordered, percent) for percent in (50, 95, 99)))


def evenness(of_clients: Mapping[str, Sequence[tuple[float, float]]]) -> float | None:
    """Jain's index (sum x)^2 / (n sum x^2) of the clients' slowdowns, by the latency and service time of each task.

    None where there are none.
    """
    means = [
        math.fsum(latency for latency, _ in tasks) / math.fsum(service for _, service in tasks)
        for tasks in of_clients.values()
    ]
    if not means:
        return None
    return math.fsum(means) ** 2 / (len(means) * math.fsum(mean * mean for mean in means))


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]
