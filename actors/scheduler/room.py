"""Who waits for room that nothing gives way for yet, and what could make it: reads the state, decides nothing."""

from __future__ import annotations

from actors.messages.scopes import overlap
from actors.scheduler import placement
from actors.scheduler.pools import slots_of_agent
from actors.scheduler.state import AgentSlots, Pool, SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank


def victim_for(state: SchedulerState, asker: TaskEntry) -> TaskEntry | None:
    """What gives way to this waiting task: of its scope, its agent's slots or its pool, whichever it waits for."""
    task_id, level = asker.spec.task_id, asker.level
    if asker.ti_uuid or not lacks_room(state, asker) or not state.victims.has_below(level):
        return None
    if not state.may_claim(asker.spec, asker.pool):
        return None
    if asker.spec.scope and asker.rank not in state.claims.standing:
        chosen = state.claims.parked.get(task_id)
        is_less = chosen in state.victims and state.tasks[chosen].level < level if chosen else False
        return state.tasks[chosen] if chosen and is_less else None
    agent = state.agents.get(asker.spec.agent_id) if asker.spec.has_own_agent else None
    pool = state.pools.get(asker.pool)
    if agent is not None and task_id in agent.line:
        chosen = state.victims.choose(level, slots_of_agent(agent.agent_id)) if agent.free <= 0 else None
    elif pool is not None and pool.has_in_line(asker):
        chosen = _in_the_way(state, asker, pool)
    else:
        chosen = None
    return state.tasks[chosen] if chosen else None


def _in_the_way(state: SchedulerState, asker: TaskEntry, pool: Pool) -> str | None:
    """What gives way to a task that stands in the pool's line, on an instance that may take it, where none is free."""
    able = placement.takers(pool, frozenset(asker.tried))
    if any(instance.has_credit for instance in able):
        return None
    if not asker.tried:
        return state.victims.choose(asker.level, pool.name)
    names = {instance.ti_uuid for instance in able}
    return state.victims.choose(asker.level, pool.name, lambda task_id: state.tasks[task_id].ti_uuid in names)


def helps(state: SchedulerState, victim: TaskEntry, asker: TaskEntry) -> bool:
    """Whether this task, should it give way, leaves something that the other needs and can use."""
    instance = state.instances[victim.ti_uuid]
    if not instance.can_preempt or not state.may_claim(asker.spec, asker.pool):
        return False
    shares_slots = asker.spec.has_own_agent and asker.spec.agent_id == victim.spec.agent_id
    if shares_slots or (asker.spec.scope and overlap(asker.spec.scope, victim.spec.scope)):
        return True
    pool = state.pools.get(asker.pool)
    return pool is not None and instance in placement.takers(pool, frozenset(asker.tried))


def first_behind(state: SchedulerState, task_id: str) -> Rank | None:
    """The first of those that wait behind this task for its scope, and that nobody gives way to yet."""
    ranks = state.claims.behind.get(task_id, ())
    return min((rank for rank in ranks if lacks_room(state, state.tasks[rank[2]])), default=None)


def first_without_slot(state: SchedulerState, agent: AgentSlots) -> Rank | None:
    """The first in the agent's line that nobody gives way to yet; None at once where nothing could."""
    head = agent.line.head()
    if head is None or agent.free > 0 or not state.victims.has_below(-head[0], slots_of_agent(agent.agent_id)):
        return None
    return agent.line.first(lambda task_id: lacks_room(state, state.tasks[task_id]))


def first_without_room(state: SchedulerState, pool: Pool) -> list[Rank]:
    """The first in each of the pool's lines that nobody gives way to yet; none at once where nothing could."""
    lines = [pool.line, *pool.returned.values()]
    heads = [head for line in lines if (head := line.head()) is not None]
    if not heads or not state.victims.has_below(-min(heads)[0], pool.name):
        return []

    def lacks(task_id: str) -> bool:
        return lacks_room(state, state.tasks[task_id])

    return sorted(rank for line in lines if (rank := line.first(lacks)) is not None)


def lacks_room(state: SchedulerState, asker: TaskEntry) -> bool:
    """Whether nothing gives way to this waiting task, nor has where it can still start."""
    if asker.asks:
        return False
    kept, pool = state.instances.get(asker.reserved), state.pools.get(asker.pool)
    if kept is None or pool is None or kept.pool != pool.name or not pool.has_in_line(asker):
        return True
    return bool(asker.tried) and kept not in placement.takers(pool, frozenset(asker.tried))
