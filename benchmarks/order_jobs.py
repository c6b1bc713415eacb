"""Tasks for a line: of kinds that differ in size, or of clients a few of which make most of the load."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from pathlib import Path
from random import Random
from statistics import fmean

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
