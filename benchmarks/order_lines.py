"""One line before equal places, in each of the orders: keys as the scheduler gives them, and two bounds beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from statistics import fmean

from actors.messages.tasks import Features
from actors.scheduler.fair_line import FairLine, ShareUse
from actors.scheduler.orders import shortest_first
from actors.scheduler.prediction import Predictions
from benchmarks.order_jobs import PLACES, Job


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that has ended, and how long after it came (s)."""

    job: Job
    latency_s: float


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

    def start(self, job: Job, now: float) -> None:
        """The job is started."""

    def end(self, job: Job) -> None:
        """Its instance reports how long it took."""
        self._predictions.observe("m", Features(kind=job.kind), "i", job.took_s * 1000.0)


class Fair(Learning):
    """By `fair`, between the clients."""

    def __init__(self) -> None:
        super().__init__()
        self._line = FairLine()
        self._uses: dict[Job, ShareUse] = {}

    def key(self, job: Job) -> float:
        """Start tag and what it is set back by."""
        use = self._uses[job] = self._line.use_of(job.client, self.expect(job)[0], 1.0, job.at)
        self._line.enter(use)
        return use.key

    def start(self, job: Job, now: float) -> None:
        """The virtual time goes on, and how long the job waited is known."""
        self._line.start(self._uses.pop(job), now)


class FairKnown(Fair):
    """The same with each client's mean time known beforehand instead of learnt."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__()
        of_clients = defaultdict[str, list[float]](list)
        for job in jobs:
            of_clients[job.client].append(job.took_s)
        self._means = {client: fmean(times) for client, times in of_clients.items()}

    def expect(self, job: Job) -> tuple[float, float]:
        """The mean of its client's."""
        return self._means[job.client], 0.0

    def end(self, job: Job) -> None:
        """Nothing is learnt."""


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
            _, n = heappop(line)
            order.start(jobs[n], now)
            heappush(running, (now + jobs[n].took_s, n))
    return ended


def most_alike(jobs: Sequence[Job]) -> list[Ended]:
    """What an order reaches that knows all times beforehand, and lets the client with the worst slowdown go first.

    That of a client is the latency of its tasks so far, waits of those in line counted, over their execution time.
    """
    waiting, accounts = dict[str, list[int]](), defaultdict[str, list[float]](lambda: [0.0, 0.0])
    running, ended, come = list[tuple[float, int]](), list[Ended](), 0

    def slowdown(client: str, now: float) -> float:
        """Of the client, whose account has the latency less what it grows by with time, and the execution time."""
        return (accounts[client][0] + now * len(waiting[client])) / accounts[client][1]

    while come < len(jobs) or running:
        comes_at = jobs[come].at if come < len(jobs) else inf
        if running and running[0][0] <= comes_at:
            now, n = heappop(running)
            ended.append(Ended(jobs[n], now - jobs[n].at))
        else:
            now, job = comes_at, jobs[come]
            waiting.setdefault(job.client, []).append(come)
            accounts[job.client][0] += job.took_s - job.at
            accounts[job.client][1] += job.took_s
            come += 1
        while waiting and len(running) < PLACES:
            client = max(waiting, key=lambda name: slowdown(name, now))
            n = waiting[client].pop(0)
            if not waiting[client]:
                del waiting[client]
            accounts[client][0] += now
            heappush(running, (now + jobs[n].took_s, n))
    return ended


def alone(jobs: Sequence[Job]) -> list[Ended]:
    """Each client as if there were no other: nobody is served better by any order that knows no sizes."""
    of_clients = defaultdict[str, list[Job]](list)
    for job in jobs:
        of_clients[job.client].append(job)
    return [each for of in of_clients.values() for each in run(of, Arrival())]
