"""What runs next, and where: the choice of a tentative instance, and of the next task for a free place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import Declined, deal_out, worth_it
from actors.scheduler.state import Pool, SchedulerState, TaskEntry
from actors.scheduler.strategies import Candidate
from actors.scheduler.waiting_line import Rank

GOLDEN = 0.6180339887498949
"""One random number, moved on by the golden ratio each time, covers [0, 1) evenly."""


def as_candidates(state: SchedulerState, instances: Sequence[Instance]) -> list[Candidate]:
    """Instances of one pool (not none) as strategies see them."""
    pool = instances[0].pool
    ordinary_ms = state.predictions.ordinary(pool, None).mean_ms
    slowness = state.predictions.slowness
    return [
        Candidate(i.ti_uuid, len(i.in_flight), i.waiting, i.capacity, ordinary_ms * slowness(pool, i.ti_uuid))
        for i in instances
    ]


def choose_among(state: SchedulerState, pool: Pool, instances: Sequence[Instance], chance: float) -> Instance:
    """One of `instances` (not empty), by the strategy of the pool's model."""
    if len(instances) == 1:
        return instances[0]
    strategy = state.strategy(instances[0].model_name)
    candidates = as_candidates(state, instances)
    return instances[strategy.choose(candidates, pool.rotation, chance)]


def choose_tentative(state: SchedulerState, pool_name: str, chance: float, leaving: str = "") -> str:
    """The instance that a task submitted now would go to; "" where the pool has none but `leaving`."""
    pool = state.pools.get(pool_name)
    soonest = pool.standings.soonest(pool.rotation) if pool is not None and not leaving else None
    if soonest is not None and state.strategy(soonest.model_name).pooled:
        return soonest.ti_uuid
    return Spread(state, pool_name, chance, leaving).next()


class Spread:
    """Gives many tasks their tentative instances at once, each as if those before it had been submitted."""

    def __init__(self, state: SchedulerState, pool_name: str, chance: float, leaving: str = "") -> None:
        pool = state.pools.get(pool_name)
        staying = [
            instance
            for instance in (pool.instances.values() if pool is not None else ())
            if instance.condition != "draining" and instance.ti_uuid != leaving
        ]
        able = [instance for instance in staying if instance.condition == "up"] or staying
        self._strategy = state.strategy(able[0].model_name) if able else None
        self._candidates = as_candidates(state, able) if able else []
        self._rotation = pool.rotation if pool is not None else 0
        self._chance = chance

    def next(self) -> str:
        """The next task's instance; "" where there is none."""
        if self._strategy is None:
            return ""
        at = self._strategy.choose(self._candidates, self._rotation, self._chance) if len(self._candidates) > 1 else 0
        chosen = self._candidates[at]
        self._rotation += 1
        self._chance = (self._chance + GOLDEN) % 1.0
        self._candidates[at] = replace(chosen, waiting=chosen.waiting + 1)
        return chosen.ti_uuid


def choose_next(
    state: SchedulerState, pool: Pool, chance: float, now: float
) -> tuple[TaskEntry, Instance] | Declined | None:
    """The next task of the pool to start, and the instance to start it; None where that has to wait.

    Declined where what waits is better off waiting for an instance that is busy.
    """
    free = pool.standings.free_instances()
    if not free:
        return None
    head = pool.line.head()
    returned = _first_acceptable(pool, free)
    if returned is not None and (head is None or returned[0] < head):
        rank, able = returned
        return _place(state, pool, rank, able, chance)
    if head is None:
        return None
    kept = next((instance for instance in free if head[2] in instance.reserved), None)
    if kept is not None:
        return state.tasks[head[2]], kept
    if state.strategy(free[0].model_name).pooled:
        at_once = worth_it(pool, free)
        return _place(state, pool, head, at_once, chance) if at_once else deal_out(state, pool, now)
    own = _best_own(free, head) if _has_home(state, pool, head) else None
    if own is not None:
        return state.tasks[own[0][2]], own[1]
    return _place(state, pool, head, free, chance)


def _place(
    state: SchedulerState, pool: Pool, rank: Rank, able: Sequence[Instance], chance: float
) -> tuple[TaskEntry, Instance]:
    """The task starts where its submitter was told that it would, if that is possible now."""
    entry = state.tasks[rank[2]]
    meant = next((instance for instance in able if instance.ti_uuid == entry.tentative), None)
    return entry, meant or choose_among(state, pool, able, chance)


def _has_home(state: SchedulerState, pool: Pool, rank: Rank) -> bool:
    """Whether the task is meant for an instance that is up: any other would wait behind all that is in own lines."""
    home = pool.instances.get(state.tasks[rank[2]].tentative)
    return home is not None and home.condition == "up"


def _best_own(free: Sequence[Instance], head: Rank) -> tuple[Rank, Instance] | None:
    """The best task that a free instance has in its own line, unless a more important one waits elsewhere."""
    best: tuple[Rank, Instance] | None = None
    for instance in free:
        rank = instance.own_line.head()
        if rank is not None and rank[0] <= head[0] and (best is None or rank < best[0]):
            best = (rank, instance)
    return best


def _first_acceptable(pool: Pool, free: Sequence[Instance]) -> tuple[Rank, Sequence[Instance]] | None:
    """The first returned task that a free instance may take, and those that may."""
    first: tuple[Rank, Sequence[Instance]] | None = None
    for tried, line in pool.returned.items():
        able = [instance for instance in takers(pool, tried) if instance.has_credit]
        rank = line.head() if able else None
        if rank is not None and (first is None or rank < first[0]):
            first = (rank, able)
    return first


def takers(pool: Pool, tried: frozenset[str]) -> Sequence[Instance]:
    """Those, free or not, that may take a task which has failed on `tried`: others while any is up, else all."""
    up = [instance for instance in pool.instances.values() if instance.condition == "up"]
    return [instance for instance in up if instance.ti_uuid not in tried] or up
