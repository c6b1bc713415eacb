"""Agents that clients named: shut down and open again, told who could run their tasks, and listed.

A shut down agent is open again when a worker attaches that was not told to leave. A worker that was may well connect
again before it has gone, to deliver what it finished: it is known by its incarnation, and told once more.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors import addresses
from actors.behaviour import Decision, Now, Reply, Send
from actors.messages.agent import BeginShutdown, ReopenAgent, ResourcesChanged
from actors.messages.answers import (
    AgentResources,
    AgentsListed,
    InstanceCondition,
    ShutdownAnswered,
    WorkerOfAgent,
)
from actors.messages.dispatcher import TellWorkerToLeave
from actors.messages.scheduler import AttachWorker, ListAgents, ShutdownAgent
from actors.scheduler import events as ev
from actors.scheduler import openings
from actors.scheduler.instance import Instance
from actors.scheduler.pools import agent_of_pool, pool_of_agent
from actors.scheduler.state import Pool, SchedulerState


def shut_down(state: SchedulerState, message: ShutdownAgent, now: Now) -> Decision[ev.SchedulerEvent]:
    """Start nothing more for this agent, and tell it and its workers. Asked again, only the grace may get shorter."""
    agent = state.agents.get(message.agent_id)
    answer, until = Reply(ShutdownAnswered(ok=True)), now + message.grace_s
    if agent is not None and agent.closed and agent.closed_until <= until:
        return Decision(effects=[answer])
    workers = _workers(state, message.agent_id)
    dismissed = tuple(worker.incarnation for worker in workers if worker.incarnation)
    return Decision(
        events=[ev.AgentClosed(message.agent_id, message.grace_s, until, dismissed)],
        effects=[
            answer,
            Send(addresses.agent(message.agent_id), BeginShutdown(message.grace_s)),
            *(_tell_to_leave(worker, message.agent_id, until, now) for worker in workers),
            *openings.after_change(state, ()),
        ],
    )


def attach(
    state: SchedulerState, message: AttachWorker, ti_uuid: str, now: Now
) -> tuple[list[ev.SchedulerEvent], list[Send]]:
    """What a worker that attaches means for an agent that is closed; nothing for another."""
    agent = state.agents.get(message.agent_id)
    if agent is None or not agent.closed:
        return [], []
    if message.incarnation in agent.dismissed:
        leave = TellWorkerToLeave(_reason(message.agent_id), _ms_left(agent.closed_until, now))
        return [], [Send(addresses.dispatcher(ti_uuid), leave)]
    return [ev.AgentReopened(message.agent_id)], [Send(addresses.agent(message.agent_id), ReopenAgent())]


def resume(state: SchedulerState, now: Now) -> list[Send]:
    """Tell the workers of closed agents once more: whether they were told before the process ended is not known."""
    closed = [agent for agent in state.agents.values() if agent.closed]
    return [
        _tell_to_leave(worker, agent.agent_id, agent.closed_until, now)
        for agent in closed
        for worker in _workers(state, agent.agent_id)
    ]


def told_of(state: SchedulerState, pool_name: str, ti_uuid: str, condition: InstanceCondition) -> list[Send]:
    """What agents hear when an instance of this pool is in this condition from now on; "draining": it is leaving."""
    pool = state.pools.get(pool_name) or Pool(pool_name)
    staying = [i.condition for i in pool.instances.values() if i.ti_uuid != ti_uuid and i.condition != "draining"]
    if condition != "draining":
        staying.append(condition)
    up = staying.count("up")
    agent_id = agent_of_pool(pool_name)
    if agent_id is not None:
        is_served = up > 0 or (not staying and agent_id in _served_by_models(state, {agent_id}, pool_name, False))
        return [_resources(agent_id, len(staying), up, is_served)]
    if pool.is_up == (up > 0):
        return []
    waiting = {
        entry.spec.agent_id
        for entry in state.tasks.values()
        if not entry.ti_uuid and entry.spec.has_own_agent and pool_name in entry.pools
    }
    alone = {agent_id for agent_id in waiting if not _workers(state, agent_id)}
    served = _served_by_models(state, alone, pool_name, up > 0)
    return [_resources(agent_id, 0, 0, agent_id in served) for agent_id in sorted(alone)]


def list_agents(state: SchedulerState, message: ListAgents) -> Decision[ev.SchedulerEvent]:
    """One agent, or those after `after` in the order of their ids."""
    if message.agent_id:
        return Decision(effects=[Reply(AgentsListed((_describe(state, message.agent_id),)))])
    attached = (agent_of_pool(pool.name) for pool in state.pools.values() if pool.instances)
    known = sorted(a for a in {*state.agents, *attached} if a is not None and a > message.after)
    listed = tuple(_describe(state, agent_id) for agent_id in known[: message.limit])
    return Decision(effects=[Reply(AgentsListed(listed, more=len(known) > message.limit))])


def _describe(state: SchedulerState, agent_id: str) -> AgentResources:
    agent = state.agents.get(agent_id)
    slots = agent.slots if agent is not None else state.slots_of.get(agent_id, state.default_slots)
    pool = state.pools.get(pool_of_agent(agent_id))
    workers = tuple(
        WorkerOfAgent(i.host, i.ti_uuid, i.condition, i.capacity, len(i.in_flight))
        for i in (pool.instances.values() if pool is not None else ())
    )
    return AgentResources(agent_id, slots, agent is not None and agent.closed, workers)


def _served_by_models(state: SchedulerState, agents: Iterable[str], changed: str, is_up: bool) -> set[str]:
    """Those of these agents of which a task waits that an instance could run, `changed` being so from now on."""
    wanted = set(agents)
    up = {pool.name for pool in state.pools.values() if pool.is_up and pool.name != changed} | (
        {changed} if is_up else set()
    )
    return {
        entry.spec.agent_id
        for entry in state.tasks.values()
        if not entry.ti_uuid and entry.spec.agent_id in wanted and not up.isdisjoint(entry.pools)
    }


def _workers(state: SchedulerState, agent_id: str) -> list[Instance]:
    pool = state.pools.get(pool_of_agent(agent_id))
    return [i for i in pool.instances.values() if i.condition != "draining"] if pool is not None else []


def _resources(agent_id: str, attached: int, up: int, served: bool) -> Send:
    return Send(addresses.agent(agent_id), ResourcesChanged(attached, up, served))


def _tell_to_leave(worker: Instance, agent_id: str, until: float, now: Now) -> Send:
    leave = TellWorkerToLeave(_reason(agent_id), _ms_left(until, now))
    return Send(addresses.dispatcher(worker.ti_uuid), leave)


def _ms_left(until: float, now: Now) -> int:
    return max(0, round((until - now) * 1000))


def _reason(agent_id: str) -> str:
    return f"agent {agent_id} is being shut down"
