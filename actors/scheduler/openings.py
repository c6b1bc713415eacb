"""Where something may have opened: the pools to look at once more after a change."""

from __future__ import annotations

from collections.abc import Iterable

from actors.addresses import SCHEDULER
from actors.behaviour import Send
from actors.messages.scheduler import PlaceTasks, PlaceTasksOf, SeekRoom
from actors.messages.scopes import paths_of
from actors.messages.tasks import TaskSpec
from actors.scheduler.instance import Instance
from actors.scheduler.state import Pool, SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank


def in_pools(pools: Iterable[str]) -> list[Send]:
    """Look at these pools."""
    return [Send(SCHEDULER, PlaceTasks(pool)) for pool in sorted(pools)]


def after_coming(state: SchedulerState, pool_name: str) -> list[Send]:
    """A task comes to wait in the pool: look, unless nothing is free and nothing could be made to give way."""
    pool = state.pools.get(pool_name)
    if pool is not None and not pool.standings.free and not len(state.victims):
        return []
    return [Send(SCHEDULER, PlaceTasks(pool_name))]


def after_starting(state: SchedulerState, pool: Pool, instance: Instance) -> list[Send]:
    """A task starts on the instance: look again, unless that takes the last place that is free or could be made."""
    is_last = len(pool.standings.free) == 1 and len(instance.in_flight) + 1 >= instance.capacity
    if is_last and not instance.can_preempt and not len(state.victims):
        return []
    return [Send(SCHEDULER, PlaceTasks(pool.name))]


def after_leaving(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """A task leaves: a place at its instance, a slot of its agent and its scope come free for others."""
    pools = {entry.pool}
    instance = state.instances.get(entry.ti_uuid)
    if instance is not None:
        pools.add(instance.pool)
    agent = state.agents.get(entry.spec.agent_id)
    following = agent.line.head() if agent is not None else None
    if following is not None:
        pools.add(state.tasks[following[2]].pool)
    if entry.spec.scope:
        pools.update(state.tasks[rank[2]].pool for rank in state.claims.behind.get(entry.spec.task_id, ()))
    return [Send(SCHEDULER, PlaceTasks(pool)) for pool in sorted(pools)]


def after_claiming(state: SchedulerState, claims: Iterable[tuple[TaskSpec, Rank, str]]) -> list[Send]:
    """Tasks (with rank and pool) begin to wait: whoever now waits behind them leaves its agent's offer to another."""
    agents: set[str] = set()
    for spec, rank, pool in claims:
        if spec.scope and state.may_claim(spec, pool):
            later = [state.tasks[task_id].spec for *_, task_id in _displaced(state, spec, rank)]
            agents.update(other.agent_id for other in later if other.has_own_agent)
    return [Send(SCHEDULER, PlaceTasksOf(tuple(sorted(agents))))] if agents else []


def after_change(state: SchedulerState, pools: Iterable[str]) -> list[Send]:
    """Instances or agents of these pools change, and with them who keeps whom waiting for a scope, in any pool."""
    affected = {*pools, *state.pools} if state.claims.waiting else pools
    return [*in_pools(affected), Send(SCHEDULER, SeekRoom())]


def after_falling(state: SchedulerState, pool_name: str) -> list[Send]:
    """The pool may be down: agents offer what they have in other pools instead of what only it could run."""
    offering = [
        agent.agent_id
        for agent in state.agents_in(pool_name)
        if any(state.tasks[task_id].pool == pool_name for task_id in agent.offered)
    ]
    return [Send(SCHEDULER, PlaceTasksOf(tuple(sorted(offering))))] if offering else []


def _displaced(state: SchedulerState, spec: TaskSpec, rank: Rank) -> list[Rank]:
    return state.claims.standing.all_after(rank, paths_of(spec.scope))
