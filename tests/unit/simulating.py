"""Tiny workloads, worked out by hand, on the virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulation.fleet import Change, Fleet
from simulation.jobs import Job, Request
from simulation.plant import Plant, Policy, Service, simulate
from simulation.references import REFERENCES


def jobs(*given: tuple[float, float]) -> list[Job]:
    """Jobs by (arrival, service) in seconds."""
    return [Job(arrival_s, service_s, Request(arrival_s, 0, 0)) for arrival_s, service_s in given]


def reference(name: str, seed: int = 1) -> Callable[[Plant], Policy]:
    """The reference of that name."""
    return lambda plant: REFERENCES[name](plant, seed)


def served(
    policy_for: Callable[[Plant], Policy],
    speeds: Sequence[float],
    given: Sequence[Job],
    changes: Sequence[Change] = (),
    capacity: int = 1,
) -> list[Service]:
    """When each job was served."""
    return simulate(given, Fleet(tuple(speeds), capacity), changes, policy_for)


def ends(services: Sequence[Service]) -> list[tuple[int, float]]:
    """Where and when each job ended, to the microsecond."""
    return [(service.instance, round(service.end, 6)) for service in services]
