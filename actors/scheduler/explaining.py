"""Why a task started where it did, or what it waits for, with the numbers of all candidates.

What a start went by is kept as it was at that moment, for the last starts, in memory: worked out again later it would
be another. Words and scores are found when somebody asks. `keep` is used by `evolve`, and calls no strategy.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.messages.answers import PlacementExplained
from actors.scheduler.completion import Expectations
from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import worth_it
from actors.scheduler.moment import Known, Moment
from actors.scheduler.placement import chance_of, key_of, takers
from actors.scheduler.reasons import wait_reason
from actors.scheduler.state import Pool, SchedulerState, TaskEntry
from actors.scheduler.strategies import Strategy

CHOICE = "the choice of"
"""How the reason begins where the strategy chose, when the task was started, among the candidates that are shown."""


def keep(state: SchedulerState, entry: TaskEntry, ti_uuid: str, now: float) -> None:
    """The task is about to start on this instance: remember what there is to say, if it is to be remembered."""
    instance, rules, explained = state.instances[ti_uuid], state.placement, state.explained
    pool = state.pools[instance.pool]
    explained.pop(entry.spec.task_id, None)
    if not rules.explain_starts or len(pool.instances) > rules.explain_instances:
        return
    strategy = state.strategy(instance.model_name)
    why, able = _why(state, pool, entry, instance, strategy)
    explained[entry.spec.task_id] = _moment(state, pool, entry, now, ti_uuid, why, able)
    if len(explained) > rules.explain_starts:
        del explained[next(iter(explained))]


def explain(state: SchedulerState, task_id: str, now: float) -> PlacementExplained:
    """What is known of the task's placement: it waits, it was started lately, or nothing."""
    entry = state.tasks.get(task_id)
    if entry is None or entry.ti_uuid:
        moment = state.explained.get(task_id)
        return moment.told(task_id) if moment is not None else PlacementExplained(task_id, "unknown")
    pool = state.pools.get(entry.pool)
    if pool is None or not pool.instances:
        return PlacementExplained(task_id, "waiting", why=wait_reason(state, entry), at=now)
    return _moment(state, pool, entry, now, "", wait_reason(state, entry), pool.choosable()).told(task_id)


def _moment(
    state: SchedulerState, pool: Pool, entry: TaskEntry, now: float, chosen: str, why: str, able: Sequence[Instance]
) -> Moment:
    """What is known now. When tasks would be done counts for one that waits, and where the strategy goes by it."""
    instances = list(pool.instances.values())
    strategy = state.strategy(instances[0].model_name)
    features, meant = entry.spec.features, entry.tentative
    # Between two attempts it waits for no instance, so that there is nothing to leave out of account.
    counted = entry if entry.spec.task_id not in state.delayed else None
    ordinary, slowness = state.predictions.ordinary, state.predictions.slowness
    of_any = ordinary(pool.name, None)
    of_this = ordinary(pool.name, features) if features is not None else of_any
    known = Known(of_any.mean_ms, of_this, [slowness(pool.name, instance.ti_uuid) for instance in instances])
    if not chosen or strategy.sizes_tasks:
        expects = Expectations(state, instances, features, now, without=counted)
        known.completions = [expects.completion(n) for n in range(len(instances))]
        known.is_warm = bool(able) and Expectations(state, able, features, now).are_warm()
    own = meant if counted is not None else ""
    rows = [(i, i.condition, len(i.in_flight), i.waiting - (i.ti_uuid == own), i.turn) for i in instances]
    chance, key = chance_of(entry), key_of(entry.spec)
    return Moment(now, chosen, meant, why, strategy, rows, able, known, pool.rotation, chance, key)


def _why(
    state: SchedulerState, pool: Pool, entry: TaskEntry, chosen: Instance, strategy: Strategy
) -> tuple[str, Sequence[Instance]]:
    """Why it starts there, in words, and the instances that it could have started on."""
    free: Sequence[Instance] = pool.standings.free_instances()
    if entry.tried:
        able = takers(pool, frozenset(entry.tried))
        free = [instance for instance in free if instance in able]
    if entry.spec.task_id in chosen.reserved:
        return "another task has given way to it there", [chosen]
    if chosen.ti_uuid == entry.tentative:
        return f"{strategy.name} meant it for this instance when it was admitted, and a place is free there", free
    if len(free) == 1:
        return "no other instance that may take it has a place free", free
    if strategy.pooled and not entry.tried:
        at_once = worth_it(pool, free)
        if chosen not in at_once:
            return "it is done sooner here than by waiting for a faster one, behind those before it in line", free
        free = at_once
    if strategy.declines and not entry.tried:
        return "it is the fastest of those that have nothing else to do", free
    return f"{CHOICE} {strategy.name} among those that have a place free", free
