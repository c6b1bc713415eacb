"""Entering and leaving the lines: through the agent's slots to the pool, and out again. Used by `evolve` alone."""

from __future__ import annotations

from actors.scheduler.instance import Instance
from actors.scheduler.state import AgentSlots, Pool, SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank, WaitingLine


def line_up(state: SchedulerState, entry: TaskEntry) -> None:
    """A waiting task takes its place: in its pool's line, or behind its agent's other tasks."""
    if not entry.spec.has_own_agent:
        _enter_pool(state, entry)
        return
    agent = state.agent(entry.spec.agent_id)
    if not state.is_up(entry.pool):
        agent.unserved.add(entry.spec.task_id)
        return
    fill_slots(state, agent)  # where another has just stepped out, the slot is for the best of those that wait for it
    rank = entry.rank
    worst = max(agent.offered.values(), default=None)
    if len(agent.offered) >= agent.free and (worst is None or worst < rank):
        agent.line.push(rank)
        return
    if len(agent.offered) >= agent.free and worst is not None:
        _withdraw(state, agent, worst)
    _offer(state, agent, rank)


def step_out(state: SchedulerState, entry: TaskEntry) -> None:
    """A waiting task gives up its place, whichever line it stood in."""
    _leave_pool(state, entry)
    if entry.spec.has_own_agent:
        agent = state.agent(entry.spec.agent_id)
        agent.offered.pop(entry.spec.task_id, None)
        agent.line.discard(entry.spec.task_id)
        agent.unserved.discard(entry.spec.task_id)


def fill_slots(state: SchedulerState, agent: AgentSlots) -> None:
    """Offer the agent's best waiting tasks to the pools, as many as it has slots free; withdraw the others."""
    while agent.offered and len(agent.offered) > agent.free:
        _withdraw(state, agent, max(agent.offered.values()))
    while len(agent.offered) < agent.free:
        rank = agent.line.pop()
        if rank is None:
            return
        _offer(state, agent, rank)


def move_to_serving_pools(state: SchedulerState, changed: str) -> None:
    """Instances came to or left the pool `changed`: tasks that may use it go to the pool that serves them."""
    for entry in state.tasks.values():
        if entry.ti_uuid or changed not in entry.pools:
            continue
        serving = state.serving_pool(entry.pools)
        if serving == entry.pool and (
            not entry.spec.has_own_agent or _is_unserved(state, entry) != state.is_up(serving)
        ):
            continue
        if entry.spec.task_id in state.delayed or (entry.spec.scope and entry.rank not in state.claims.standing):
            entry.pool = serving
            continue
        step_out(state, entry)
        entry.pool = serving
        line_up(state, entry)
    for agent in state.agents.values():
        fill_slots(state, agent)


def renew_offers(state: SchedulerState, pool: Pool) -> None:
    """The pool is up or down now: its tasks keep a slot from the others of their agent only while it is up."""
    is_up = pool.is_up
    for agent in state.agents_in(pool.name):
        waiting = agent.unserved if is_up else {*agent.offered, *agent.line}
        for task_id in sorted(task_id for task_id in waiting if state.tasks[task_id].pool == pool.name):
            step_out(state, state.tasks[task_id])
            line_up(state, state.tasks[task_id])
        fill_slots(state, agent)


def rebuild_own_lines(state: SchedulerState) -> None:
    """The strategy changed: each instance has a line of its own, or none has."""
    for instance in state.instances.values():
        instance.own_line = WaitingLine()
    for entry in state.tasks.values():
        if not entry.ti_uuid:
            _enter_own_line(state, entry)


def leave_pool_of(state: SchedulerState, instance: Instance) -> None:
    """The instance is no longer one of its pool's; a pool without instances has nothing to take turns with."""
    pool = state.pool(instance.pool)
    del pool.instances[instance.ti_uuid]
    pool.standings.remove(instance.ti_uuid, state.predictions)
    if not pool.instances:
        pool.rotation = 0


def forget_idle(state: SchedulerState, agent_id: str) -> None:
    """An agent without tasks is as good as never heard of."""
    agent = state.agents.get(agent_id)
    if agent is not None and agent.is_idle:
        del state.agents[agent_id]


def forget_empty(state: SchedulerState, pool_name: str) -> None:
    """A pool without tasks and instances is as good as never heard of."""
    pool = state.pools.get(pool_name)
    if pool is not None and not (pool.instances or pool.line or pool.returned):
        del state.pools[pool_name]


def house(state: SchedulerState, instance: Instance) -> None:
    """Tasks that came while their pool had no instance are meant for this one, its first."""
    for entry in state.tasks.values():
        if not entry.ti_uuid and not entry.tentative and entry.pool == instance.pool:
            retarget(state, entry, instance.ti_uuid)


def retarget(state: SchedulerState, entry: TaskEntry, tentative: str) -> None:
    """A waiting task gets another tentative instance."""
    if entry.spec.task_id in state.delayed:
        entry.tentative = tentative
        return
    count_tentative(state, entry, -1)
    former = state.instances.get(entry.tentative)
    if former is not None:
        former.own_line.discard(entry.spec.task_id)
    entry.tentative = tentative
    count_tentative(state, entry, 1)
    _enter_own_line(state, entry)


def _offer(state: SchedulerState, agent: AgentSlots, rank: Rank) -> None:
    agent.offered[rank[2]] = rank
    _enter_pool(state, state.tasks[rank[2]])


def _withdraw(state: SchedulerState, agent: AgentSlots, rank: Rank) -> None:
    del agent.offered[rank[2]]
    _leave_pool(state, state.tasks[rank[2]])
    agent.line.push(rank)


def _enter_pool(state: SchedulerState, entry: TaskEntry) -> None:
    pool = state.pool(entry.pool)
    if entry.tried:
        pool.returned.setdefault(frozenset(entry.tried), WaitingLine()).push(entry.rank)
        return
    pool.line.push(entry.rank)
    _enter_own_line(state, entry)


def _enter_own_line(state: SchedulerState, entry: TaskEntry) -> None:
    instance = state.instances.get(entry.tentative)
    if instance is None or instance.pool != entry.pool or entry.spec.task_id not in state.pool(entry.pool).line:
        return
    if not state.strategy(instance.model_name).pooled:
        instance.own_line.push(entry.rank)


def _leave_pool(state: SchedulerState, entry: TaskEntry) -> None:
    pool = state.pool(entry.pool)
    pool.line.discard(entry.spec.task_id)
    tried = frozenset(entry.tried)
    alike = pool.returned.get(tried)
    if alike is not None:
        alike.discard(entry.spec.task_id)
        if not alike:
            del pool.returned[tried]
    instance = state.instances.get(entry.tentative)
    if instance is not None:
        instance.own_line.discard(entry.spec.task_id)


def _is_unserved(state: SchedulerState, entry: TaskEntry) -> bool:
    return entry.spec.task_id in state.agent(entry.spec.agent_id).unserved


def count_tentative(state: SchedulerState, entry: TaskEntry, change: int) -> None:
    """One more or one less waits for the task's tentative instance."""
    instance = state.instances.get(entry.tentative)
    if instance is not None:
        instance.waiting += change
        if entry.expected_ms:
            instance.sized += change
            instance.work_ms += change * entry.expected_ms
        state.note(instance)
