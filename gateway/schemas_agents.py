"""What is said over REST about agents: each call of SW4RM's gRPC service, as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from actors.agent_lifecycle import LifecycleState
from actors.messages.answers import InstanceCondition
from gateway.schema_fields import PRIORITY_TEXT, SCOPE_TEXT, ExactRequest, Name, Priority, Response
from gateway.translate import MAX_GRACE_S


class AgentTaskRequest(ExactRequest):
    """A task for an agent (SubmitTask)."""

    task_id: Name | None = Field(None, description="Unique id of the task; without it, one is made.")
    priority: Priority = Field(None, description=PRIORITY_TEXT, examples=[5])
    params: Any = Field(
        default_factory=dict,
        description="The task's parameters, any JSON value. Of an object, `model_name` names the model that may run "
        "it, and repo_id, worktree_id, branch (at most 255 characters each) and description (at most "
        "200 words) go into the activity buffer.",
        examples=[{"action": "process"}],
    )
    scope: str = Field("", max_length=255, description=SCOPE_TEXT, examples=["repo.docs, global.resource"])


class AgentTaskResponse(Response):
    """Whether the scheduler takes the task."""

    accepted: bool = Field(description="Whether the scheduler accepted the task.")
    reason: str = Field(description="Why not, or what it waits for; may be empty.")
    task_id: str = Field(description="Id of the task.")


class PreemptRequest(ExactRequest):
    """Ask a task to give way (RequestPreemption)."""

    reason: str = Field("", max_length=2000, description="Why, for the journal and for the task.")
    grace_s: float | None = Field(
        None,
        ge=0,
        le=MAX_GRACE_S,
        description="Seconds that the task has for it before it is forced to; without it, the server's setting.",
    )


class PreemptResponse(Response):
    """Whether the request is on its way."""

    enqueued: bool = Field(description="Whether the preemption request was queued; false for unknown or ended tasks.")


class ShutdownRequest(ExactRequest):
    """End an agent's work (ShutdownAgent)."""

    grace_period_s: float | None = Field(
        None,
        ge=0,
        le=MAX_GRACE_S,
        description="Seconds that running tasks may take to finish; without it the setting agent_shutdown_grace_s, 30 "
        "unless changed; 0 is now.",
    )


class ShutdownResponse(Response):
    """Whether the agent is being shut down."""

    ok: bool = Field(description="Whether the shutdown request was accepted.")


class AgentWorker(Response):
    """A worker that is attached as the agent."""

    worker_id: str = Field(description="The id that the worker chose.")
    ti_uuid: str = Field(description="The id that it has as an instance.")
    condition: InstanceCondition = Field(description="up, down (it does not answer) or draining (it is leaving).")
    capacity: int = Field(description="Tasks it runs at once, at most.")
    running: int = Field(description="Number of tasks that it runs.")


class AgentRecord(Response):
    """How an agent is. Times are Unix seconds."""

    agent_id: str = Field(description="Id of the agent.")
    state: LifecycleState = Field(description="The state of its lifecycle.")
    since: float = Field(description="Since when it is in this state, in Unix seconds.")
    cause: str = Field(description="What brought it there.")
    failure_code: str = Field(description="Why it has failed, e.g. recovering_timeout; empty in other states.")
    times_out_at: float | None = Field(description="When it will have failed if it stays so, in Unix seconds, or null.")
    accepts_tasks: bool = Field(description="False from a shutdown until a worker attaches again.")
    shutdown_until: float | None = Field(
        description="While it is being shut down, until when what runs may finish, in Unix seconds, or null."
    )
    slots: int = Field(description="Number of tasks that it may run at once.")
    running: int = Field(description="Number of tasks on an instance or on their way there.")
    waiting: int = Field(description="Number of tasks that wait, those that gave way among them.")
    workers: list[AgentWorker] = Field(description="The workers that are attached as this agent.")


class AgentList(Response):
    """Agents that have a task, a worker or a shutdown."""

    agents: list[AgentRecord] = Field(description="The agents, in the order of their ids.")
    more: bool = Field(description="Whether there are others: ask again with `after`.")


class ActivityEntry(Response):
    """One line of an agent's activity buffer."""

    task_id: str = Field(description="Task identifier.")
    repo_id: str = Field(description="Repository identifier; may be empty.")
    worktree_id: str = Field(description="Worktree identifier; may be empty.")
    branch: str = Field(description="Branch name; may be empty.")
    description: str = Field(description="Task description; may be empty.")
    timestamp: str = Field(
        description="Time of the last change, ISO 8601 in UTC with milliseconds.", examples=["2025-10-11T12:00:00.000Z"]
    )


class ActivityBuffer(Response):
    """What an agent is at (PollActivityBuffer)."""

    entries: list[ActivityEntry] = Field(description="The entries, oldest first.")
    refused: int = Field(
        description="Number of registrations ever refused (activity_buffer_full) because the agent, or all agents "
        "together, had as many entries as they may."
    )
    without_entry: list[str] = Field(
        description="Tasks that have no entry for that reason. They run all the same, and are registered, oldest "
        "first, when room comes free."
    )


class PurgeRequest(ExactRequest):
    """Forget entries of ended tasks (PurgeActivity)."""

    task_ids: list[Name] = Field(
        default_factory=list,
        max_length=100_000,
        description="Tasks whose entries to forget; empty: all that have ended.",
    )


class PurgeResponse(Response):
    """What was forgotten."""

    purged: int = Field(description="Number of activity entries purged.")
