"""`python -m benchmarks.live`: minutes of a trace against real processes, and the same arrivals through the simulator.

The service runs as its users start it (embedded, SQLite), and each instance is a process of its own that waits as long
as a task says it takes. Time runs faster than in the trace, for both alike: the simulator is given the very times that
the instances are.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from actors.scheduler.strategies import DEFAULT_STRATEGY
from benchmarks.children import ChildFailed, Children
from benchmarks.connection import BrokenAnswer
from benchmarks.deployment import Deployment
from benchmarks.live_page import HEADERS, PAGE, Compared, rewrite
from benchmarks.plan import DURABILITY
from benchmarks.replay import Replayed, replay
from simulation.figures import spread
from simulation.fleet import Fleet
from simulation.generator import conversation
from simulation.jobs import Job, Request, ServiceTime, jobs_at_load
from simulation.plant import simulate
from simulation.scheduled import policy_for
from simulation.trace import TraceError, read_trace

WINDOW_S = 120.0
SCALE = 5.0
"""How much faster than in the trace time runs."""

EQUAL = Fleet((1.0,) * 8)
UNEQUAL = Fleet((1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25))
RUNS = ((EQUAL, 0.5), (EQUAL, 0.7), (EQUAL, 0.9), (UNEQUAL, 0.7))
SEEDS = (1, 2)
GOAL = 0.10


def main() -> int:
    """Replay and simulate. Returns 0 where the mean latencies are as close as they have to be, 1 where not."""
    asked = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 130)
    try:
        requests = read_trace(asked.trace, 1, None) if asked.trace else conversation(1, 20_000)
    except (TraceError, OSError) as failure:
        console.print(f"--trace: {failure}", style="red", markup=False)
        return 2
    workload = asked.trace.name if asked.trace else "generated conversation"
    compared: list[Compared] = []
    with tempfile.TemporaryDirectory(prefix="swarm-live-") as made, Children(Path(made)) as children:
        for fleet, load, seed in [(*run, seed) for run in RUNS for seed in SEEDS]:
            jobs = _jobs(requests, seed, load, fleet, asked.scale)
            try:
                ran = _live(children, Path(made) / f"{len(compared)}.db", jobs, fleet)
            except (ChildFailed, AssertionError, TimeoutError, BrokenAnswer) as error:
                console.print(f"not measured: {error}\n{children.logs()}", style="red", markup=False)
                return 1
            compared.append(_compare(jobs, fleet, load, seed, ran, asked.scale))
            console.print(_said(compared[-1]), highlight=False)
    title = f"{workload}: the tasks of {WINDOW_S:.0f} s each, {asked.scale:g} times as fast; {DURABILITY['embedded']}"
    console.print(_table(compared, title))
    if asked.page is not None:
        rewrite(asked.page, title, compared)
    return 0 if all(abs(one.apart) <= GOAL for one in compared) else 1


def _jobs(requests: Sequence[Request], seed: int, load: float, fleet: Fleet, scale: float) -> list[Job]:
    """The tasks of a window of the trace that the seed chooses, all times over `scale`."""
    latest = requests[-1].arrival_s - WINDOW_S
    begins = Random(seed).uniform(requests[0].arrival_s, max(latest, requests[0].arrival_s))
    window = [request for request in requests if begins <= request.arrival_s < begins + WINDOW_S]
    default = ServiceTime()
    service = ServiceTime(default.base_s / scale, default.input_s / scale, default.output_s / scale)
    return jobs_at_load(window, service, load, fleet.total_speed)


def _live(children: Children, store: Path, jobs: Sequence[Job], fleet: Fleet) -> Replayed:
    deployment = Deployment(children, "embedded", None, f"sqlite:///{store}")
    speeds = deployment.start_simulated(fleet.speeds)
    try:
        return replay(deployment.url, jobs, speeds)
    finally:
        deployment.end()


def _compare(jobs: Sequence[Job], fleet: Fleet, load: float, seed: int, ran: Replayed, scale: float) -> Compared:
    slowed = [replace(job, service_s=job.service_s + max(ran.overhead_s, 0.0)) for job in jobs]
    plain, with_overhead = (_latencies(given, fleet, seed) for given in (jobs, slowed))
    live, simulated, slower = (
        spread([latency * scale for latency in of]) for of in (ran.latencies_s, plain, with_overhead)
    )
    return Compared(fleet, load, seed, len(jobs), live, simulated, slower, ran.overhead_s * 1e3, ran.late_s * 1e3)


def _latencies(jobs: Sequence[Job], fleet: Fleet, seed: int) -> list[float]:
    services = simulate(jobs, fleet, (), policy_for(DEFAULT_STRATEGY, seed))
    return [service.end - job.arrival_s for job, service in zip(jobs, services, strict=True)]


def _said(one: Compared) -> str:
    speeds = ",".join(f"{speed:g}" for speed in one.fleet.speeds)
    means = f"mean {one.live.mean:.2f} live, {one.simulated.mean:.2f} simulated"
    left = one.live.mean / one.with_overhead.mean - 1.0
    added = f"{one.overhead_ms:.1f} ms a task beside waiting and service, {left:+.1%} with these simulated"
    return f"speeds {speeds}, load {one.load:g}, seed {one.seed}, {one.tasks} tasks: {means}, {one.apart:+.1%}; {added}"


def _table(compared: Sequence[Compared], title: str) -> Table:
    table = Table(*HEADERS, title=title)
    for one in compared:
        table.add_row(*one.cells)
    return table


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--trace", type=Path, metavar="FILE", help="a CSV file as `swarmpilot simulate --help` has it")
    parser.add_argument("--scale", type=float, default=SCALE, metavar="N", help=f"times as fast ({SCALE:g})")
    parser.add_argument("--page", type=Path, metavar="FILE", help=f"rewrite the section of this page (as {PAGE})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
