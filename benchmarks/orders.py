"""`python -m benchmarks.orders [--clients FILE]`: what the orders of the line reach, on one line before equal places.

Keys are given by the code of the scheduler, from predictions learnt on the way, one estimate a kind of tasks. FILE is a
CSV with the columns `client,mean_rate_rps,weighted_cv,in_mean,out_mean,out_p50`, as one gets from alibaba/ServeGen by
client; without it, clients of rates and sizes as unequal are drawn.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from benchmarks.order_jobs import MOST_BURSTY, Client, Job, arrivals, drawn_clients, kinds_mix, read_clients
from benchmarks.order_lines import Arrival, Ended, Fair, FairKnown, Learning, PerfectShortest, alone, most_alike, run


def mean_and_p99(ended: Sequence[Ended]) -> tuple[float, float]:
    """Of the latencies (s)."""
    latencies = sorted(each.latency_s for each in ended)
    return fmean(latencies), latencies[int(0.99 * len(latencies))]


def slowdowns(ended: Sequence[Ended]) -> list[float]:
    """Of each client: the latency of all its tasks over their execution time."""
    by_client = defaultdict[str, list[Ended]](list)
    for each in ended:
        by_client[each.job.client].append(each)
    return [sum(e.latency_s for e in of) / sum(e.job.took_s for e in of) for of in by_client.values()]


def jain(values: Sequence[float]) -> float:
    """Jain's index: 1 where all are equal, 1/n where one has everything."""
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


def show_shortest(console: Console, seeds: Sequence[int]) -> None:
    """`shortest_predicted` between first come first served and what is best for the mean."""
    table = Table("load", "order", "mean / perfect shortest first", "p99 / first come first served")
    for load in (0.7, 0.8, 0.9):
        figures = defaultdict[str, list[tuple[float, float]]](list)
        for seed in seeds:
            jobs = kinds_mix(20_000, seed, load)
            _, first_p99 = mean_and_p99(run(jobs, Arrival()))
            best_mean, _ = mean_and_p99(run(jobs, PerfectShortest()))
            for order in (Arrival(), Learning(), PerfectShortest()):
                mean, p99 = mean_and_p99(run(jobs, order))
                figures[NAMES[type(order)]].append((mean / best_mean, p99 / first_p99))
        for name, of in figures.items():
            table.add_row(f"{load}", name, *(f"{fmean(column):.3f}" for column in zip(*of, strict=True)))
    console.print(table)


def show_fair(console: Console, clients: Sequence[Client], seeds: Sequence[int]) -> None:
    """How equal the clients' slowdowns are, and how bad the worst, at random times and in the clients' own bursts."""
    table = Table("times", "load", "order", "Jain index of slowdown", "median client", "worst", "mean (s)", "p99 (s)")
    for times, most_cv in (("random", 1.0), ("bursts", MOST_BURSTY)):
        for load in (0.7, 0.9):
            given = [arrivals(clients, 60_000, seed, load, most_cv) for seed in seeds]
            for name, serve in SERVED.items():
                rows = []
                for jobs in given:
                    ended = serve(jobs)
                    of_clients = slowdowns(ended)
                    rows.append((jain(of_clients), median(of_clients), max(of_clients), *mean_and_p99(ended)))
                equal, middle, worst, mean, p99 = (fmean(column) for column in zip(*rows, strict=True))
                figures = (f"{equal:.3f}", f"{middle:.2f}", f"{worst:.1f}", f"{mean:.1f}", f"{p99:.0f}")
                table.add_row(times, f"{load}", name, *figures)
    console.print(table)


NAMES = {Arrival: "priority", Learning: "shortest_predicted", PerfectShortest: "perfect shortest first"}
SERVED: dict[str, Callable[[Sequence[Job]], list[Ended]]] = {
    "priority": lambda jobs: run(jobs, Arrival()),
    "fair": lambda jobs: run(jobs, Fair()),
    "fair, mean times known": lambda jobs: run(jobs, FairKnown(jobs)),
    "most alike, all times known": most_alike,
    "each client alone": alone,
}


def main() -> int:
    """Print the figures."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=Path, help="CSV file with one client a row")
    path, console = parser.parse_args().clients, Console()
    show_shortest(console, seeds=(1, 2, 3))
    show_fair(console, read_clients(path) if path else drawn_clients(73, 1), seeds=(1, 2, 3, 4))
    return 0


if __name__ == "__main__":
    sys.exit(main())
