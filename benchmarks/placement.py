"""`python -m benchmarks.placement`: simulate what placement has to reach, and write it to docs/placement.md."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from pathlib import Path

from rich.console import Console

from actors.scheduler.strategies import DEFAULT_STRATEGY
from benchmarks.decisions import measure_decisions
from benchmarks.placement_goals import Finding, against_best, against_one, of_waits, over_decisions
from benchmarks.placement_page import rewrite
from benchmarks.plan import Plan
from simulation.experiment import Experiment, Measured, known_strategies, run
from simulation.fleet import Change, Fleet
from simulation.generator import conversation
from simulation.jobs import Request, ServiceTime, jobs_at_load
from simulation.plots import write_plots
from simulation.references import REFERENCES
from simulation.report import show
from simulation.trace import TraceError, read_trace

PAGE = Path("docs/placement.md")
LOADS = (0.7, 0.9)
EQUAL = Fleet((1.0,) * 8)
UNEQUAL = Fleet((1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25))
SEED = 1
SLOWED = (DEFAULT_STRATEGY, "round_robin", "least_loaded", "min_completion", "tail", "adaptive")
"""Strategies that are shown where an instance slows down; the others have nothing new to say there."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """An experiment under its title, and what came of it."""

    title: str
    slug: str
    experiment: Experiment
    measured: Sequence[Measured]


def main() -> int:
    """Simulate all scenarios. Returns 0 where they could be simulated, whether or not goals are met."""
    asked = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 150)
    try:
        requests = (
            read_trace(asked.trace, SEED, asked.tasks) if asked.trace else conversation(SEED, asked.tasks or 20_000)
        )
    except (TraceError, OSError) as failure:
        console.print(f"--trace: {failure}", style="red", markup=False)
        return 2
    workload = asked.trace.name if asked.trace else "generated conversation"
    scenarios = [
        _scenario("Equal instances", "equal", Experiment(requests, EQUAL, LOADS, *_policies(), seed=SEED)),
        _scenario("Unequal instances", "unequal", Experiment(requests, UNEQUAL, LOADS, *_policies(), seed=SEED)),
        *(
            _scenario(f"An instance slows down fourfold in mid run, load {load:g}", f"slow-down-{load:g}", slow_down)
            for load, slow_down in ((load, _slow_down(requests, load)) for load in LOADS)
        ),
    ]
    for scenario in scenarios:
        console.rule(scenario.title)
        show(scenario.experiment, scenario.measured, workload, console)
    findings = _findings(scenarios, Plan())
    for finding in findings:
        console.print(f"{'met  ' if finding.is_met else 'MISSED'}  {finding}", highlight=False, markup=False)
    if asked.plots is not None:
        for scenario in scenarios:
            write_plots(scenario.experiment, scenario.measured, asked.plots / scenario.slug)
    tables = [(scenario.title, scenario.measured) for scenario in scenarios]
    rewrite(asked.page, f"{workload}, {len(requests):,} tasks", findings, tables)
    console.print(f"written to {asked.page}", style="dim", markup=False)
    return 0


def _policies() -> tuple[Sequence[str], Sequence[str]]:
    return known_strategies(), tuple(REFERENCES)


def _scenario(title: str, slug: str, experiment: Experiment) -> Scenario:
    """Each policy at each load by itself, as many at once as there are processors."""
    alone = [
        replace(experiment, loads=[load], strategies=strategies, references=references)
        for load in experiment.loads
        for strategies, references in (
            *(([name], []) for name in experiment.strategies),
            *(([], [name]) for name in experiment.references),
        )
    ]
    with ProcessPoolExecutor(cpu_count()) as pool:
        measured = [one for several in pool.map(run, alone) for one in several]
    return Scenario(title, slug, experiment, measured)


def _slow_down(requests: Sequence[Request], load: float) -> Experiment:
    """One of eight equal instances, at half of the time in which tasks arrive."""
    middle = jobs_at_load(requests, ServiceTime(), load, EQUAL.total_speed)[-1].arrival_s / 2
    return Experiment(
        requests, EQUAL, [load], SLOWED, tuple(REFERENCES), changes=[Change(middle, 3, speed=0.25)], seed=SEED
    )


def _findings(scenarios: Sequence[Scenario], plan: Plan) -> list[Finding]:
    equal, unequal, *slow_downs = (scenario.measured for scenario in scenarios)
    found: list[Finding] = []
    for load in LOADS:
        found += against_one(equal, DEFAULT_STRATEGY, load, "equal instances", "pooled FIFO", 1.02, 1.02)
    for load in LOADS:
        rivals = ("round robin", "JSQ", "power of two")
        found += against_best(unequal, DEFAULT_STRATEGY, load, "unequal instances", rivals, 0.85, 0.60)
        found += against_one(unequal, DEFAULT_STRATEGY, load, "unequal instances", "least work", 1.05, 1.15)
    for load, slow_down in zip(LOADS, slow_downs, strict=True):
        found += against_one(slow_down, DEFAULT_STRATEGY, load, "slow-down", "least work", None, 1.25)
    for load in LOADS:
        found += of_waits(equal, DEFAULT_STRATEGY, load, "equal instances")
        found += of_waits(unequal, DEFAULT_STRATEGY, load, "unequal instances")
    [decided] = measure_decisions(plan, lambda _: None)
    return [*found, over_decisions(decided)]


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.placement", description=__doc__)
    parser.add_argument("--trace", type=Path, metavar="FILE", help="a CSV file as `swarmpilot simulate --help` has it")
    parser.add_argument("--tasks", type=int, metavar="N", help="only so many")
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY", help="write PNG images as well")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help=f"the page to rewrite ({PAGE})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
