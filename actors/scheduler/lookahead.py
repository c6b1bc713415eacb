"""Whether a free instance is worth it: a task had better wait for a faster one where that is done sooner.

The tasks in line are dealt out in mind, one after the other, each to the place where it would be done first; the first
of them that would go to a free one starts there. So a slow instance is left idle for as long as those in line are done
sooner without it, and no longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import exp, inf, log

from actors.scheduler.instance import Instance
from actors.scheduler.state import Pool, SchedulerState, TaskEntry

PATIENCE, HASTE = 0.7, 0.15
"""A busy instance is waited for where it is done sooner by more than the first, as a share of what the task takes on
the fastest, and by the second more for each task that waits an instance.

Expectations of what is left are uncertain, and with many in line it counts more that everything works than where. Both
were found by simulation: half and double of either make the mean or the tail worse, if not by much.
"""

FASTER = log(1.0 + PATIENCE)
"""One that is not slower than the fastest by this, as a logarithm, is never declined."""

ALIKE = log(1.1)
"""Instances whose expected times differ by less are as good as each other: measurements do."""

DEPTH = 64
"""Tasks in line that are looked at, at most."""

LEAST_WAIT_S = 0.01


@dataclass(frozen=True, slots=True)
class Declined:
    """Whoever waits had better wait for a busy instance; look again at `until` (Unix seconds)."""

    until: float


@dataclass(slots=True)
class _Offer:
    """An instance as those in line see it: when its places are free (ms from now, a heap), and how slow it is."""

    instance: Instance
    free_in: list[float]
    factor: float


def worth_it(pool: Pool, free: Sequence[Instance]) -> Sequence[Instance]:
    """The best of these, all as good as each other, where a task had better start on them than wait for any; else none.

    One at least is free, so that some instance of the pool is up.
    """
    slowness = pool.standings.slowness_of(free)
    best = min(slowness)
    if best - min(pool.standings.slowness) > log(1.0 + _patience_of(pool)):
        return ()
    return [instance for instance, slow in zip(free, slowness, strict=True) if slow - best <= ALIKE]


def deal_out(state: SchedulerState, pool: Pool, now: float) -> tuple[TaskEntry, Instance] | Declined:
    """The first task in line, which is not empty, that had better start on what is free than wait; and where."""
    standings = pool.standings
    fastest = min(standings.slowness)
    reference = standings.instances[standings.slowness.index(fastest)]
    offers = [
        _offer(state, instance, exp(slowness - fastest), now)
        for instance, slowness in zip(standings.instances, standings.slowness, strict=True)
        if slowness < inf
    ]
    chosen: list[tuple[TaskEntry, Instance]] = []
    looked_at = 0
    worth = _patience_of(pool)

    def goes_now(task_id: str) -> bool:
        nonlocal looked_at
        looked_at += 1
        entry = state.tasks[task_id]
        takes_ms = state.predict(entry, reference).mean_ms
        best = min(offers, key=lambda offer: _done_in(offer, takes_ms, worth))
        if best.free_in[0] <= 0.0:
            chosen.append((entry, best.instance))
            return True
        heapreplace(best.free_in, best.free_in[0] + takes_ms * best.factor)
        return looked_at >= DEPTH

    soonest_ms = min((offer.free_in[0] for offer in offers if offer.free_in[0] > 0.0), default=0.0)
    pool.line.first(goes_now)
    if chosen:
        return chosen[0]
    return Declined(now + max(soonest_ms / 1000.0, LEAST_WAIT_S))


def patience(waiting: int, instances: int) -> float:
    """By how much of what a task takes on the fastest it has to be done sooner there, to be worth waiting for."""
    return PATIENCE + HASTE * waiting / instances


def _patience_of(pool: Pool) -> float:
    slowness = pool.standings.slowness
    return patience(len(pool.line), len(slowness) - slowness.count(inf))


def _done_in(offer: _Offer, takes_ms: float, worth: float) -> float:
    wait_ms = offer.free_in[0]
    return wait_ms + takes_ms * offer.factor + (worth * takes_ms if wait_ms > 0.0 else 0.0)


def _offer(state: SchedulerState, instance: Instance, factor: float, now: float) -> _Offer:
    free_in = [0.0] * (instance.capacity - len(instance.in_flight))
    for task_id in sorted(instance.in_flight):
        entry = state.tasks[task_id]
        free_in.append(max(state.left_of(entry, instance, now).mean_ms, 1e-3))
    heapify(free_in)
    return _Offer(instance, free_in, factor)
