"""`python -m benchmarks`: measure on this machine, print a table, write JSON."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks.agents import measure_agents
from benchmarks.children import ChildFailed, Children
from benchmarks.cluster import Cluster
from benchmarks.decisions import measure_decisions
from benchmarks.deployment import Deployment, Target
from benchmarks.figures import Row, measure_latency, measure_throughput, measure_waiting, over_single
from benchmarks.plan import CORES, DEPLOYMENTS, FIGURES, USUAL, WORKER_CAPACITY, DeploymentName, FigureName, Plan
from benchmarks.recovery import measure_recovery
from benchmarks.report import describe_machine, show, write
from benchmarks.workers import measure_workers
from benchmarks.yields import measure_yields

RESULTS = Path("bench-results")
WORKER_SETTINGS = (f"agent_slots={WORKER_CAPACITY}", "activity_per_agent=100000", "activity_total=1000000")
"""So that the one agent of `workers` runs what its worker can hold, and has room for what waits."""
YIELD_SETTINGS = ("preempt_min_run_s=0", "preempt_limit=1000")
"""So that one task can be measured giving way again and again."""


def main() -> int:
    """Measure what was asked for. Returns 0 where it could be measured, whether or not goals are met."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    console = Console(stderr=False, width=None if sys.stdout.isatty() else 150)
    plan = Plan().quick() if asked.quick else Plan()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="swarm-bench-") as made, Children(Path(made)) as children:
        directory = Path(made)
        machine = describe_machine(directory)
        console.print(f"{machine}", style="dim", highlight=False)
        try:
            if "decisions" in asked.only:
                rows += measure_decisions(plan, lambda text: console.print(f"  {text}", style="dim", highlight=False))
            if set(asked.only) != {"decisions"}:
                bare = _start_bare(children)
                for name in asked.deployment:
                    rows += _measure(name, asked.only, plan, children, bare, _celery(asked.celery), console)
        except (ChildFailed, AssertionError, TimeoutError) as error:
            console.print(Text(f"not measured: {error}\n{children.logs()}", style="red"))
            return 1
    rows = over_single(rows)
    show(rows, console)
    write(rows, plan, machine, asked.json)
    console.print(f"written to {asked.json}", style="dim")
    return 0


def _measure(
    name: DeploymentName,
    only: Collection[FigureName],
    plan: Plan,
    children: Children,
    bare: Target,
    celery: str | None,
    console: Console,
) -> list[Row]:
    rows: list[Row] = []

    def say(text: str) -> None:
        console.print(f"  {name}: {text}", style="dim", highlight=False)

    deploy = Cluster if name == "distributed" else Deployment
    with _broker(name) as amqp, _stores(name, children.directory) as stores:
        if {"throughput", "latency"} & set(only):
            service = deploy(children, name, amqp, next(stores))
            service.start_instances(plan.instances, plan.instance_capacity)
            if "throughput" in only:
                rows += measure_throughput(service, bare, plan, say)
            if "latency" in only:
                rows += measure_latency(service, bare, plan, say)
            service.end()

        def start_held() -> Deployment:
            service = deploy(children, name, amqp, next(stores))
            service.hold_only_place()
            return service

        if {"waiting", "memory"} & set(only):
            rows += [row for row in measure_waiting(start_held, bare, plan, say) if row.figure in only]
        if "recovery" in only and name != "distributed":
            kept = next(stores)
            rows += measure_recovery(lambda: deploy(children, name, amqp, kept), plan, say)
        if "agents" in only:
            rows += measure_agents(start_held, plan, say)
        if "workers" in only and amqp:
            service = deploy(children, name, amqp, next(stores), *WORKER_SETTINGS)
            rows += measure_workers(service, amqp, celery, plan, say)
            service.end()
        if "yield" in only:
            service = deploy(children, name, amqp, next(stores), *YIELD_SETTINGS)
            rows += measure_yields(service, amqp, plan, say)
            service.end()
    return rows


@contextmanager
def _broker(name: DeploymentName) -> Iterator[str | None]:
    """The URL of a RabbitMQ of our own, for the deployment that needs one."""
    if name in ("embedded", "postgresql"):
        yield None
        return
    from tests.rabbit_server import obtain

    server = obtain()
    try:
        yield server.url
    finally:
        server.close()


@contextmanager
def _stores(name: DeploymentName, directory: Path) -> Iterator[Iterator[str]]:
    """URLs of stores that nobody has used, on a PostgreSQL of our own for the deployments that need one."""
    if name in USUAL:
        yield (f"sqlite:///{directory / name}-{number}.db" for number in count())
        return
    from tests.postgres_server import obtain

    postgres = obtain()
    try:
        yield (postgres.store() for _ in count())
    finally:
        postgres.close()


def _start_bare(children: Children) -> Target:
    process = children.start("benchmarks.bare_endpoint", str(children.directory / "bare.db"))
    return Target(children, process, process.announced_url())


def _celery(given: str | None) -> str | None:
    """The Python to measure Celery with, None where there is none."""
    return given or (sys.executable if find_spec("celery") else None)


def _arguments() -> Namespace:
    places = f"{', '.join(DEPLOYMENTS)}; unless given: {' and '.join(USUAL)}"
    parser = ArgumentParser(prog="python -m benchmarks", description="Measure the service on this machine.")
    parser.add_argument("--quick", action="store_true", help="about a minute, for a first impression")
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=FIGURES, metavar="NAME", help=", ".join(FIGURES))
    parser.add_argument("--deployment", nargs="+", choices=DEPLOYMENTS, default=USUAL, metavar="NAME", help=places)
    parser.add_argument("--celery", metavar="PYTHON", help="a Python that has Celery, to be measured beside `workers`")
    default = RESULTS / f"{datetime.now():%Y-%m-%d-%H%M%S}.json"
    parser.add_argument("--json", type=Path, default=default, metavar="FILE", help="where the figures are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
