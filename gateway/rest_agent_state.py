"""GET /agents and /agents/{agent_id}: how agents are, by their own word and the scheduler's."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from actors import addresses
from actors.addresses import SCHEDULER
from actors.agent_lifecycle import LifecycleState
from actors.messages.agent import DescribeAgent
from actors.messages.answers import AgentDescribed, AgentResources, AgentsListed
from actors.messages.scheduler import ListAgents
from gateway.edge import Edge
from gateway.expecting import ask
from gateway.front_door import edge_of
from gateway.rest_errors import Problem
from gateway.schemas_agents import AgentList, AgentRecord, AgentWorker
from gateway.strict_route import ERRORS, NOT_FOUND, StrictRoute
from gateway.translate import agent_name

router = APIRouter(tags=["agents"], route_class=StrictRoute, responses=ERRORS)

TheEdge = Annotated[Edge, Depends(edge_of)]
After = Annotated[str, Query(description="Only agents whose ids come after this one.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Number of agents to list at most.")]
AgentId = Annotated[str, Path(description="Id of the agent; a slash in it may stand as it is.")]


@router.get("/agents", summary="How all agents are")
async def list_agents(edge: TheEdge, after: After = "", limit: Limit = 100) -> AgentList:
    """Agents that have a task, a worker or a shutdown, in the order of their ids."""
    listed = await ask(edge, SCHEDULER, ListAgents(after=after, limit=limit), AgentsListed)
    described = await asyncio.gather(*(_describe(edge, agent.agent_id) for agent in listed.agents))
    records = [_record(*both) for both in zip(listed.agents, described, strict=True)]
    return AgentList(agents=records, more=listed.more)


# Agent ids may hold slashes, so this matches every path below /agents that no other route has.
@router.get("/agents/{agent_id:path}", summary="How an agent is", responses=NOT_FOUND)
async def show_agent(agent_id: AgentId, edge: TheEdge) -> AgentRecord:
    """The state of the agent's lifecycle, its tasks by number, and its workers."""
    name = agent_name(agent_id)
    listed, described = await asyncio.gather(
        ask(edge, SCHEDULER, ListAgents(name), AgentsListed), _describe(edge, name)
    )
    [resources] = listed.agents
    if described.state is None and not resources.workers and not resources.closed:
        raise Problem(404, f"Agent {name} not found")
    return _record(resources, described)


async def _describe(edge: Edge, agent_id: str) -> AgentDescribed:
    return await ask(edge, addresses.agent(agent_id), DescribeAgent(), AgentDescribed)


def _record(resources: AgentResources, described: AgentDescribed) -> AgentRecord:
    return AgentRecord(
        agent_id=resources.agent_id,
        state=described.state or LifecycleState.INITIALIZING,
        since=described.since,
        cause=described.cause,
        failure_code=described.code,
        times_out_at=described.due,
        accepts_tasks=not resources.closed,
        shutdown_until=described.shutdown_due,
        slots=resources.slots,
        running=described.under_way,
        waiting=described.waiting,
        workers=[
            AgentWorker(
                worker_id=worker.worker_id,
                ti_uuid=worker.ti_uuid,
                condition=worker.condition,
                capacity=worker.capacity,
                running=worker.running,
            )
            for worker in resources.workers
        ],
    )
