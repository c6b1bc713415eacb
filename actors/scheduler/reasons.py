"""What a waiting task waits for, in words."""

from __future__ import annotations

from actors.messages.scopes import paths_of
from actors.messages.tasks import TaskSpec
from actors.scheduler.pools import describe
from actors.scheduler.state import AgentSlots, SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank

FOR_AN_INSTANCE = "waiting for a free TaskInstance"


def wait_reason(state: SchedulerState, entry: TaskEntry) -> str:
    """What a task waits for; of one that runs, why it still does although it was asked to give way, else ""."""
    if entry.ti_uuid:
        return _why_not_preempted(entry)
    if entry.asks:
        return f"waiting for task {entry.asks} to give way"
    if entry.spec.task_id in state.delayed:
        return "waiting for its next attempt, the one before having failed"
    return why_waiting(state, entry.spec, entry.pools, entry.rank) or _for_which_instance(state, entry)


def _why_not_preempted(entry: TaskEntry) -> str:
    if entry.gives_way:
        return "running until its next safe point, where it has to give way"
    if entry.cannot_give_way:
        return "asked to give way, but its TaskInstance cannot let it (no capability preempt): it runs to its end"
    return ""


def why_waiting(state: SchedulerState, spec: TaskSpec, pools: tuple[str, ...], rank: Rank) -> str:
    """What a task waits for, or would if it were admitted now with this rank; "" where an instance can start it now."""
    pool = state.pools.get(state.serving_pool(pools))
    if pool is None or not pool.is_served():
        return f"waiting for a TaskInstance or worker that serves {describe(pools)}"
    if not pool.is_up:
        return f"waiting for a TaskInstance or worker that serves {describe((pool.name,))} to answer again"
    if spec.scope and (behind := _behind(state, spec, rank)):
        return behind
    agent = state.agents.get(spec.agent_id)
    if agent is not None and agent.closed:
        return f"agent {spec.agent_id} is shutting down and starts no tasks"
    if agent is not None and (for_a_slot := _for_a_slot(agent, rank)):
        return for_a_slot
    if not pool.standings.free:
        return FOR_AN_INSTANCE
    return ""


def _for_a_slot(agent: AgentSlots, rank: Rank) -> str:
    if agent.free <= 0:
        return f"waiting for a slot: agent {agent.agent_id} is at its limit of {agent.slots} running"
    before = [other for other in agent.offered.values() if other < rank]
    if len(before) < agent.free:
        return ""
    return f"waiting behind task {max(before)[2]} of agent {agent.agent_id}, which runs at most {agent.slots} at once"


def _for_which_instance(state: SchedulerState, entry: TaskEntry) -> str:
    """Some may be free where it does not start."""
    pool = state.pools[entry.pool]
    free = pool.standings.free_instances()
    if free and all(instance.ti_uuid in entry.tried for instance in free):
        return "waiting for a TaskInstance other than those where it has failed"
    if free and pool.name in state.deferred:
        return "waiting for a TaskInstance that is done with it sooner than those that are free"
    return FOR_AN_INSTANCE


def _behind(state: SchedulerState, spec: TaskSpec, rank: Rank) -> str:
    blocker = state.claims.blocker(rank, paths_of(spec.scope))
    if blocker is None:
        return ""
    other = state.tasks[blocker[2]]
    how = "runs" if other.ti_uuid else "comes first"
    return f"waiting behind task {blocker[2]}, which {how} with the overlapping scope {other.spec.scope!r}"
