"""What is said over REST about tasks: submitting and asking (the guide, sections 4 and 6)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from gateway.schema_fields import PRIORITY_TEXT, SCOPE_TEXT, Name, Priority, Request, Response
from gateway.translate import MAX_TIMEOUT_MS

Text = Annotated[Any, WithJsonSchema({"type": "string"})]
_INPUT = {"prompt": "Explain quantum computing", "max_tokens": 150}


class Metadata(Request):
    """Anything the client wants to keep with the task. These fields have a meaning here; all are optional."""

    model_config = ConfigDict(extra="allow", strict=True)

    priority: Priority = Field(None, description=PRIORITY_TEXT, examples=["high", 5])
    agent_id: Name | None = Field(None, description="Agent that the task belongs to; without it, its model's.")
    callback_url: str | None = Field(
        None,
        description="http(s) URL that the task's final record is POSTed to.",
        examples=["http://localhost:9000/done"],
    )
    timeout_ms: int | None = Field(
        None, ge=1, le=MAX_TIMEOUT_MS, description="Longest run of one attempt in milliseconds; else the server's."
    )
    deadline_ms: int | None = Field(
        None,
        ge=1,
        le=MAX_TIMEOUT_MS,
        description="Milliseconds from now in which the task should be done: its place in a line in the order "
        "`deadline`. It is not given up when they are over.",
    )
    scope: str | None = Field(None, max_length=255, description=SCOPE_TEXT, examples=["repo.docs, global.resource"])
    repo_id: Text = Field(None, description="Repository, for the agent's activity buffer.")
    worktree_id: Text = Field(None, description="Worktree, for the agent's activity buffer.")
    branch: Text = Field(None, description="Branch, for the agent's activity buffer.")
    description: Text = Field(None, description="What the task does, for the agent's activity buffer.")


class TaskToSubmit(Request):
    """One task of a batch."""

    task_input: dict[str, Any] = Field(description="The model's input, passed on untouched.", examples=[_INPUT])
    metadata: Metadata | None = Field(None, description="Anything else about the task.")
    task_id: Name | None = Field(
        None,
        description="Id of the client's choice. The same id and content again gives the same answer and one run; "
        "other content under the same id is refused with 409.",
        examples=["task-abc123"],
    )


class SubmitRequest(TaskToSubmit):
    """A task to run."""

    model_name: Name = Field(description="Model that is to run it.", examples=["gpt-3.5-turbo"])


class SubmitResponse(Response):
    """The task is recorded and will run."""

    status: Literal["success"] = Field(description="Always success; a refusal is an HTTP error.")
    task_id: str = Field(description="Id to ask /task/query with.", examples=["task-abc123"])
    scheduled_ti: str = Field(
        description="ti_uuid of the instance it is meant for; another one may take it if that is free earlier.",
        examples=["550e8400-e29b-41d4-a716-446655440000"],
    )


class BatchRequest(Request):
    """Several tasks for one model."""

    model_name: Name = Field(description="Model that is to run them.", examples=["gpt-3.5-turbo"])
    tasks: list[TaskToSubmit] = Field(
        min_length=1, max_length=10_000, description="The tasks, in the order in which they queue."
    )


class BatchResult(Response):
    """What came of one task of a batch."""

    status: Literal["success", "error"] = Field(description="Whether this task was accepted.")
    task_id: str = Field("", description="Id to ask /task/query with; empty where it was refused.")
    scheduled_ti: str = Field("", description="ti_uuid of the instance it is meant for; empty where it was refused.")
    code: int = Field(description="HTTP status code that this task would have got on its own.", examples=[200])
    detail: str = Field("", description="Why it was refused; empty where it was not.")


class BatchResponse(Response):
    """What came of every task of a batch."""

    status: Literal["success", "partial", "error"] = Field(description="Whether all, some or none were accepted.")
    accepted: int = Field(description="Number of tasks accepted.")
    results: list[BatchResult] = Field(description="A result per task, in the order of the request.")


class TaskRecord(Response):
    """A task as it stands."""

    task_id: str = Field(description="Id of the task.", examples=["task-abc123"])
    task_status: Literal["queued", "scheduled", "completed"] = Field(
        description="queued: waits. scheduled: an instance has it. completed: it has ended, well or not."
    )
    scheduled_ti: str = Field(description="ti_uuid of its instance, tentative while it waits; empty for none yet.")
    submit_time: float = Field(description="When it was submitted, Unix seconds.", examples=[1697123456.789])
    result: Any = Field(
        description='What the instance reported, null before the end. {"status": "error", "error": …} where it failed.'
    )
    state: str = Field(
        description="The exact state: queued, dispatched, running, preempting, suspended, completed, failed, "
        "cancelled or expired."
    )
    attempt: int = Field(description="Number of the attempt, counted from 1; 0 before the first.")
    reason: str = Field(
        description="What it waits for, where it waits and has a scope or an agent of its own, such as the task that "
        "it waits behind; else empty."
    )
    agent_id: str = Field(description="Agent that it belongs to; `model:` and the model's name where none was named.")
    model_name: str = Field(description="Model that runs it; empty where an agent's task named none.")
    priority: int = Field(description="Importance, -19 to 20, higher is more important, whatever PRIORITY_ORDER.")
    execution_time: float | None = Field(description="Execution time that the instance reported, milliseconds.")
    error: str = Field(description="Why it failed; empty where it did not.")
    error_code: str = Field(description="The same as a short code; empty where it did not.")


class StoryEvent(Response):
    """One entry of the journal."""

    seq: int = Field(description="Number within the journal of the actor's shard, counted from 1.")
    actor: str = Field(
        description="The actor that recorded it: scheduler/one, agent/ and its id, or dispatcher/ and its ti_uuid.",
        examples=["scheduler/one", "agent/model:gpt-3.5-turbo", "dispatcher/550e8400-e29b-41d4-a716-446655440000"],
    )
    at: float = Field(description="When, Unix seconds.")
    cause: str = Field(description="Id of the message that brought it about.")
    kind: str = Field(description="What happened, in the past tense.", examples=["TaskQueued"])
    event: dict[str, Any] = Field(description="The event itself.")


class TaskStory(Response):
    """Everything that was recorded about one task."""

    task_id: str = Field(description="Id of the task.")
    events: list[StoryEvent] = Field(description="Its events, in the order in which they were written.")
