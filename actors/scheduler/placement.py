"""What runs next, and where: the choice of a tentative instance, and of the next task for a free place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.messages.tasks import TaskSpec
from actors.scheduler.completion import Expectations, waits_for
from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import Declined, deal_out, worth_it
from actors.scheduler.state import Pool, SchedulerState, TaskEntry
from actors.scheduler.strategies import Candidate, Strategy, View
from actors.scheduler.strategies.turns import next_turns
from actors.scheduler.taking import take_over
from actors.scheduler.waiting_line import Rank

GOLDEN = 0.6180339887498949
"""One random number, moved on by the golden ratio each time, covers [0, 1) evenly."""


def as_candidate(instance: Instance, without: TaskEntry | None = None) -> Candidate:
    """An instance as strategies see it; `without` is a task that does not count where it waits."""
    waiting = instance.waiting - (without is not None and waits_for(without, instance))
    counts = len(instance.in_flight), waiting, instance.capacity
    return Candidate(instance.ti_uuid, instance.address, *counts, instance.weight, instance.turn)


def chance_of(entry: TaskEntry) -> float:
    """A number in [0, 1) that is the task's own: what is random about where it starts, whenever it is asked for."""
    return entry.arrival * GOLDEN % 1.0


def view_for(state: SchedulerState, entry: TaskEntry, instances: Sequence[Instance], rotation: int, now: float) -> View:
    """What a strategy sees that chooses where a task of the line starts; `instances` are not none."""
    candidates = [as_candidate(instance, entry) for instance in instances]
    expects = Expectations(state, instances, entry.spec.features, now, without=entry)
    return View(candidates, rotation, chance_of(entry), key_of(entry.spec), expects)


def key_of(spec: TaskSpec) -> str:
    """What tasks have in common that belong together: their affinity, else their scope; "" for neither."""
    return spec.affinity or spec.scope


def choose_among(
    state: SchedulerState, pool: Pool, instances: Sequence[Instance], entry: TaskEntry, now: float
) -> Instance:
    """One of `instances` (not empty), by the strategy of the pool's model."""
    if len(instances) == 1:
        return instances[0]
    strategy = state.strategy(instances[0].model_name)
    return instances[strategy.choose(view_for(state, entry, instances, pool.rotation, now))]


def choose_tentative(
    state: SchedulerState, pool_name: str, chance: float, spec: TaskSpec | None = None, now: float | None = None
) -> str:
    """The instance that a task submitted now would go to; "" where the pool has none."""
    pool = state.pools.get(pool_name)
    soonest = pool.standings.soonest(pool.rotation) if pool is not None else None
    if soonest is not None and state.strategy(soonest.model_name).pooled:
        return soonest.ti_uuid
    able = pool.choosable() if pool is not None else []
    if len(able) <= 1:
        return able[0].ti_uuid if able else ""
    return Spread(state, pool_name, chance, now=now).next(spec)


class Spread:
    """Gives many tasks their tentative instances at once, each as if those before it had been submitted.

    `now` is Unix seconds; where nobody knows, the last admission is taken to be now.
    """

    def __init__(
        self, state: SchedulerState, pool_name: str, chance: float, leaving: str = "", now: float | None = None
    ) -> None:
        pool = state.pools.get(pool_name)
        self._state = state
        self._able = pool.choosable(leaving) if pool is not None else []
        self._strategy = state.strategy(self._able[0].model_name) if self._able else None
        self._candidates = [as_candidate(instance) for instance in self._able]
        self._added = [0] * len(self._able)
        self._rotation = pool.rotation if pool is not None else 0
        self._chance = chance
        self._now = state.admitted_at if now is None else now

    def next(self, spec: TaskSpec | None = None) -> str:
        """The next task's instance; "" where there is none."""
        if self._strategy is None:
            return ""
        at = self._choose(self._strategy, spec) if len(self._candidates) > 1 else 0
        chosen = self._candidates[at]
        self._rotation += 1
        self._chance = (self._chance + GOLDEN) % 1.0
        if self._strategy.takes_turns:
            self._take_turn(self._strategy, at)
        self._added[at] += 1
        self._candidates[at] = replace(self._candidates[at], waiting=chosen.waiting + 1)
        return chosen.ti_uuid

    def _choose(self, strategy: Strategy, spec: TaskSpec | None) -> int:
        expects = Expectations(self._state, self._able, spec.features if spec else None, self._now, self._added)
        return strategy.choose(
            View(self._candidates, self._rotation, self._chance, key_of(spec) if spec else "", expects)
        )

    def _take_turn(self, strategy: Strategy, at: int) -> None:
        weights = [candidate.weight if strategy.by_weight else 1.0 for candidate in self._candidates]
        after = next_turns([candidate.turn for candidate in self._candidates], weights, at)
        self._candidates = [replace(c, turn=turn) for c, turn in zip(self._candidates, after, strict=True)]


def choose_next(state: SchedulerState, pool: Pool, now: float) -> tuple[TaskEntry, Instance] | Declined | None:
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
        return _place(state, pool, rank, able, now)
    if head is None:
        return None
    kept = next((instance for instance in free if head[2] in instance.reserved), None)
    if kept is not None:
        return state.tasks[head[2]], kept
    strategy = state.strategy(free[0].model_name)
    if strategy.pooled:
        at_once = worth_it(pool, free)
        return _place(state, pool, head, at_once, now) if at_once else deal_out(state, pool, now)
    own = _best_own(free, head) if _has_home(state, pool, head) else None
    if own is not None:
        return state.tasks[own[0][2]], own[1]
    if strategy.declines:
        return _take_over(state, pool, free, now)
    return _place(state, pool, head, free, now)


def _take_over(
    state: SchedulerState, pool: Pool, free: Sequence[Instance], now: float
) -> tuple[TaskEntry, Instance] | Declined:
    """An idle instance helps out or, where what waits elsewhere is better off there, goes on with its own."""
    taken = take_over(state, pool, free, now)
    own = [(rank, instance) for instance in free if (rank := instance.own_line.head()) is not None]
    if isinstance(taken, Declined) and own:
        rank, instance = min(own, key=lambda each: each[0])
        return state.tasks[rank[2]], instance
    return taken


def _place(
    state: SchedulerState, pool: Pool, rank: Rank, able: Sequence[Instance], now: float
) -> tuple[TaskEntry, Instance]:
    """The task starts where its submitter was told that it would, if that is possible now."""
    entry = state.tasks[rank[2]]
    meant = next((instance for instance in able if instance.ti_uuid == entry.tentative), None)
    return entry, meant or choose_among(state, pool, able, entry, now)


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
