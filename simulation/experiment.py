"""One experiment: each policy serves the same arrivals, at each load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, TypeAlias

from actors.scheduler.order_names import DEFAULT_ORDER, ORDERS
from actors.scheduler.strategies import STRATEGIES
from simulation.figures import Figures, figures_of
from simulation.fleet import Change, Fleet
from simulation.jobs import Job, Request, ServiceTime, jobs_at_load
from simulation.plant import Plant, Policy, simulate
from simulation.references import REFERENCES
from simulation.scheduled import Scheduled
from simulation.waits import WaitTruth, truth_of

BASELINE = "pooled FIFO"
"""The reference that others are shown as a multiple of."""

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is served, by whom, at which loads, under which strategies and orders of the scheduler and which references.

    Each strategy is simulated with each order.
    """

    requests: Sequence[Request]
    fleet: Fleet
    loads: Sequence[float]
    strategies: Sequence[str]
    references: Sequence[str]
    service: ServiceTime = field(default_factory=ServiceTime)
    changes: Sequence[Change] = ()
    seed: int = 1
    asks_waits: bool = True
    orders: Sequence[str] = (DEFAULT_ORDER,)


@dataclass(frozen=True, slots=True)
class Measured:
    """One policy at one load. `waits` speaks of all tasks, then of those that waited or were expected to.

    `took_s` is how long the simulation itself ran, and the one thing here that another run does not repeat.
    """

    kind: Literal["strategy", "reference"]
    policy: str
    load: float
    figures: Figures
    arrivals: Sequence[float]
    waits: tuple[WaitTruth, WaitTruth] | None = None
    decisions: int = 0
    took_s: float = 0.0
    order: str = DEFAULT_ORDER

    @property
    def name(self) -> str:
        """The policy's, and its order where that is not the default."""
        return self.policy if self.order == DEFAULT_ORDER else f"{self.policy}, {self.order}"


def known_strategies() -> tuple[str, ...]:
    """The strategies that the scheduler has."""
    return tuple(STRATEGIES)


def known_orders() -> tuple[str, ...]:
    """The orders that the scheduler has."""
    return ORDERS


def run(experiment: Experiment, say: Say = lambda _: None) -> list[Measured]:
    """Measure load by load, strategies before references. Raises ValueError for a workload without a load."""
    measured = []
    for load in experiment.loads:
        jobs = jobs_at_load(experiment.requests, experiment.service, load, experiment.fleet.total_speed)
        for name in experiment.strategies:
            for order in experiment.orders:
                say(f"load {load:g}: {name}, {order}")
                measured.append(_strategy(experiment, name, order, load, jobs))
        for name in experiment.references:
            say(f"load {load:g}: {name}")
            measured.append(_reference(experiment, name, load, jobs))
    return measured


def _strategy(experiment: Experiment, name: str, order: str, load: float, jobs: Sequence[Job]) -> Measured:
    made: list[Scheduled] = []

    def policy_for(plant: Plant) -> Scheduled:
        made.append(Scheduled(plant, name, experiment.seed, asks_waits=experiment.asks_waits, order=order))
        return made[0]

    began = perf_counter()
    services = simulate(jobs, experiment.fleet, experiment.changes, policy_for)
    took_s = perf_counter() - began
    [scheduled] = made
    return Measured(
        "strategy",
        name,
        load,
        figures_of(jobs, services, max(experiment.fleet.speeds)),
        [job.arrival_s for job in jobs],
        truth_of(scheduled.expectations, jobs, services),
        scheduled.decisions,
        took_s,
        order,
    )


def _reference(experiment: Experiment, name: str, load: float, jobs: Sequence[Job]) -> Measured:
    def policy_for(plant: Plant) -> Policy:
        return REFERENCES[name](plant, experiment.seed)

    began = perf_counter()
    services = simulate(jobs, experiment.fleet, experiment.changes, policy_for)
    took_s = perf_counter() - began
    figures = figures_of(jobs, services, max(experiment.fleet.speeds))
    return Measured("reference", name, load, figures, [job.arrival_s for job in jobs], took_s=took_s)
