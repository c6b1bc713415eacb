"""The five calls of SW4RM's scheduler service as REST: submit, preempt, shut down, look at and purge activity."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path

from actors import addresses
from actors.addresses import SCHEDULER
from actors.messages import answers
from actors.messages.agent import PollActivity, PurgeActivity
from actors.messages.scheduler import RequestPreemption, ShutdownAgent
from gateway.bad_request import name_of
from gateway.edge import Edge
from gateway.expecting import ask, ask_to_admit, refuse_while_draining
from gateway.front_door import edge_of
from gateway.schemas_agents import (
    ActivityBuffer,
    ActivityEntry,
    AgentTaskRequest,
    AgentTaskResponse,
    PreemptRequest,
    PreemptResponse,
    PurgeRequest,
    PurgeResponse,
    ShutdownRequest,
    ShutdownResponse,
)
from gateway.strict_route import ERRORS, StrictRoute
from gateway.translate import agent_name, build_submit, grace_of, iso_timestamp, new_task_id

router = APIRouter(tags=["agents"], route_class=StrictRoute, responses=ERRORS)

AgentId = Annotated[str, Path(description="Id of the agent; a slash in it may stand as it is.")]
TaskId = Annotated[str, Path(description="Id of the task.")]
TheEdge = Annotated[Edge, Depends(edge_of)]

# Agent ids are free text and may hold slashes, so the path after them is matched from its end.
AGENT = "/agents/{agent_id:path}"


@router.post(AGENT + "/tasks/{task_id:path}/preempt", summary="Ask a task to give way (RequestPreemption)")
async def preempt(agent_id: AgentId, task_id: TaskId, body: PreemptRequest, edge: TheEdge) -> PreemptResponse:
    """The task is asked to stop at its next safe point; `enqueued` says whether it could be asked.

    A task of no agent is asked under `model:` and the name of its model, as /task/query has it.
    """
    # Nothing is submitted here, so that the agents of models, which take no tasks directly, may be named.
    agent = name_of("agent_id", agent_id)
    message = RequestPreemption(agent, name_of("task_id", task_id), body.reason, body.grace_s)
    answer = await edge.asker.ask(SCHEDULER, message)
    return PreemptResponse(enqueued=isinstance(answer, answers.PreemptionAnswered) and answer.enqueued)


@router.post(AGENT + "/tasks", summary="Submit a task to an agent (SubmitTask)")
async def submit(agent_id: AgentId, body: AgentTaskRequest, edge: TheEdge) -> AgentTaskResponse:
    """The task waits where nothing can run it yet. A refusal is `accepted: false` with the reason, as in gRPC."""
    refuse_while_draining(edge)
    now = time.time()
    message = build_submit(
        task_id=body.task_id or new_task_id(now),
        now=now,
        order=edge.settings.priority_order,
        origin="rest",
        task_input=msgspec.json.encode(body.params),
        agent_id=agent_id,
        priority=body.priority,
        scope=body.scope,
        id_is_fresh=body.task_id is None,
        waits_for_instances=True,
    )
    answer = await ask_to_admit(edge, message)
    accepted = isinstance(answer, answers.TaskAccepted)
    reason = answer.reason if isinstance(answer, answers.TaskAccepted | answers.Refused) else ""
    return AgentTaskResponse(accepted=accepted, reason=reason, task_id=message.spec.task_id)


@router.post(AGENT + "/shutdown", summary="Shut an agent down (ShutdownAgent)")
async def shutdown(agent_id: AgentId, body: ShutdownRequest, edge: TheEdge) -> ShutdownResponse:
    """The agent gets no new task, and its workers are told to leave.

    What runs may finish within the grace, else it is stopped and ends as `failed` (`agent_shutdown`). What waits is
    kept, and runs once a worker attaches again. Asked again, only a shorter grace changes anything.
    """
    grace_s = grace_of(body.grace_period_s, absent=edge.settings.agent_shutdown_grace_s)
    message = ShutdownAgent(agent_name(agent_id), grace_s)
    answer = await edge.asker.ask(SCHEDULER, message)
    return ShutdownResponse(ok=isinstance(answer, answers.ShutdownAnswered) and answer.ok)


@router.get(AGENT + "/activity", summary="What an agent is at (PollActivityBuffer)")
async def activity(agent_id: AgentId, edge: TheEdge) -> ActivityBuffer:
    """The activity buffer of the agent, oldest entry first."""
    listed = await ask(edge, addresses.agent(agent_name(agent_id)), PollActivity(), answers.ActivityListed)
    return ActivityBuffer(
        entries=[_entry(entry) for entry in listed.entries],
        refused=listed.refused,
        without_entry=list(listed.without_entry),
    )


@router.post(AGENT + "/activity/purge", summary="Forget entries of ended tasks (PurgeActivity)")
async def purge(agent_id: AgentId, body: PurgeRequest, edge: TheEdge) -> PurgeResponse:
    """Entries of tasks that have not ended stay, whoever names them."""
    message = PurgeActivity(tuple(body.task_ids))
    purged = await ask(edge, addresses.agent(agent_name(agent_id)), message, answers.ActivityPurged)
    return PurgeResponse(purged=purged.purged)


def _entry(entry: answers.ActivityEntry) -> ActivityEntry:
    return ActivityEntry(
        task_id=entry.task_id,
        repo_id=entry.activity.repo_id,
        worktree_id=entry.activity.worktree_id,
        branch=entry.activity.branch,
        description=entry.activity.description,
        timestamp=iso_timestamp(entry.timestamp),
    )
