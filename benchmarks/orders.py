"""`python -m benchmarks.orders [--clients FILE]`: what the orders of the line reach, on one line before equal places.

Keys are given by the code of the scheduler, from predictions learnt on the way, one estimate a kind of tasks. FILE is a
CSV with the columns `client,mean_rate_rps,weighted_cv,in_mean,out_mean,out_p50`, as one gets from alibaba/ServeGen by
client; without it, clients of rates and sizes as unequal are drawn.
"""

from __future__ import annotations

import csv
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from math import inf, log, sqrt
from pathlib import Path
from random import Random
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from actors.messages.tasks import Features
from actors.scheduler.fair_shares import FairShares
from actors.scheduler.orders import shortest_first
from actors.scheduler.prediction import Predictions

PLACES = 8
MOST_BURSTY = 10.0
KINDS = {"embed": (0.05, 0.3), "chat": (0.4, 0.6), "code": (1.5, 0.8), "image": (4.0, 0.1)}
"""Mean seconds of a kind of tasks, and the deviation of the logarithm within it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A task: when it comes, of which client and kind, and how long it runs (s)."""

    at: float
    client: str
    kind: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Client:
    """One who submits: tasks a second, variation of the time between them, and lognormal seconds of execution."""

    name: str
    rate: float
    cv: float
    mean_s: float
    spread: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that has ended, and how long after it came (s)."""

    job: Job
    latency_s: float


def kinds_mix(count: int, seed: int, load: float) -> list[Job]:
    """Tasks whose sizes differ between and within kinds, at random times."""
    chance = Random(seed)
    rate = load * PLACES / fmean(mean for mean, _ in KINDS.values())
    jobs, at = list[Job](), 0.0
    for _ in range(count):
        at += chance.expovariate(rate)
        kind = chance.choice(list(KINDS))
        mean, spread = KINDS[kind]
        jobs.append(Job(at, "", kind, mean * chance.lognormvariate(-spread * spread / 2, spread)))
    return jobs


def read_clients(path: Path) -> list[Client]:
    """Clients of a file; a task takes 20 ms, 0.2 ms a token taken in and 20 ms a token put out."""
    clients = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            out_mean, out_p50 = float(row["out_mean"]), max(float(row["out_p50"]), 1.0)
            mean_s = 0.02 + 0.0002 * float(row["in_mean"]) + 0.02 * out_mean
            spread = sqrt(max(2 * log(max(out_mean / out_p50, 1.0)), 0.02))
            clients.append(
                Client(row["client"], float(row["mean_rate_rps"]), float(row["weighted_cv"]), mean_s, spread)
            )
    return clients


def drawn_clients(count: int, seed: int) -> list[Client]:
    """Clients a few of which make most of the load."""
    chance = Random(seed)
    return [
        Client(f"c{n}", 4.0 / (n + 1) ** 1.6, chance.uniform(1.0, 3.0), chance.lognormvariate(2.5, 0.7), 0.6)
        for n in range(count)
    ]


def arrivals(clients: Sequence[Client], count: int, seed: int, load: float, most_cv: float) -> list[Job]:
    """About `count` tasks of all clients, time scaled to the load; no client's times vary more than `most_cv`."""
    chance = Random(seed)
    until = count / sum(client.rate for client in clients)
    jobs = []
    for client in clients:
        shape = 1.0 / min(max(client.cv, 1.0), most_cv) ** 2
        at = chance.random() / client.rate
        while at < until:
            took = client.mean_s * chance.lognormvariate(-(client.spread**2) / 2, client.spread)
            jobs.append(Job(at, client.name, client.name, took))
            at += chance.gammavariate(shape, 1.0 / (client.rate * shape))
    scale = sum(job.took_s for job in jobs) / (PLACES * load * until)
    return sorted((replace(job, at=job.at * scale) for job in jobs), key=lambda job: job.at)


class Learning:
    """Keys from predictions that are learnt from what has ended, one estimate a kind of tasks."""

    def __init__(self) -> None:
        self._predictions = Predictions()

    def expect(self, job: Job) -> tuple[float, float]:
        """Mean and deviation (s) as known now."""
        expected = self._predictions.ordinary("m", Features(kind=job.kind))
        return expected.mean_ms / 1000.0, expected.std_ms / 1000.0

    def key(self, job: Job) -> float:
        """By `shortest_predicted`."""
        return shortest_first(job.at, *self.expect(job))

    def start(self, key: float, now: float) -> None:
        """A job of this key is started."""

    def end(self, job: Job) -> None:
        """Its instance reports how long it took."""
        self._predictions.observe("m", Features(kind=job.kind), "i", job.took_s * 1000.0)


class Fair(Learning):
    """By `fair`, between the clients."""

    def __init__(self) -> None:
        super().__init__()
        self._shares = FairShares()

    def key(self, job: Job) -> float:
        """The start tag."""
        tag = self._shares.start_of(job.client, job.at)
        self._shares.enter(job.client, tag + self.expect(job)[0], job.at)
        return tag

    def start(self, key: float, now: float) -> None:
        """The virtual time goes on."""
        self._shares.start(key, now)


class Arrival(Learning):
    """By `priority`, all tasks being as important."""

    def key(self, job: Job) -> float:
        """First come, first served."""
        return job.at


class PerfectShortest(Learning):
    """What knows all times beforehand, and leaves the long ones waiting."""

    def key(self, job: Job) -> float:
        """The time itself."""
        return job.took_s


def run(jobs: Sequence[Job], order: Learning) -> list[Ended]:
    """One line before equal places, none of which is idle while anything waits."""
    line, running, ended = list[tuple[float, int]](), list[tuple[float, int]](), list[Ended]()
    come = 0
    while come < len(jobs) or running:
        comes_at = jobs[come].at if come < len(jobs) else inf
        if running and running[0][0] <= comes_at:
            now, n = heappop(running)
            ended.append(Ended(jobs[n], now - jobs[n].at))
            order.end(jobs[n])
        else:
            now = comes_at
            heappush(line, (order.key(jobs[come]), come))
            come += 1
        while line and len(running) < PLACES:
            key, n = heappop(line)
            order.start(key, now)
            heappush(running, (now + jobs[n].took_s, n))
    return ended


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
            for kind in (Arrival, Fair):
                rows = []
                for seed in seeds:
                    ended = run(arrivals(clients, 60_000, seed, load, most_cv), kind())
                    of_clients = slowdowns(ended)
                    rows.append((jain(of_clients), median(of_clients), max(of_clients), *mean_and_p99(ended)))
                equal, middle, worst, mean, p99 = (fmean(column) for column in zip(*rows, strict=True))
                figures = (f"{equal:.3f}", f"{middle:.2f}", f"{worst:.1f}", f"{mean:.1f}", f"{p99:.0f}")
                table.add_row(times, f"{load}", NAMES[kind], *figures)
    console.print(table)


NAMES = {Arrival: "priority", Learning: "shortest_predicted", Fair: "fair", PerfectShortest: "perfect shortest first"}


def main() -> int:
    """Print the figures."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=Path, help="CSV file with one client a row")
    path, console = parser.parse_args().clients, Console()
    show_shortest(console, seeds=(1, 2, 3))
    show_fair(console, read_clients(path) if path else drawn_clients(73, 1), seeds=(1, 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
