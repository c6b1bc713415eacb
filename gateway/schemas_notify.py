"""What TaskInstances report over REST: the end of a task (the guide, section 7), and that a run has given way."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, FiniteFloat

from actors.messages.tasks import CHECKPOINT_BYTES
from gateway.schema_fields import Name, Request, Response

_SENDER = "What the instance calls itself; its address or ti_uuid where others may give the same task ids."


class CompletionRequest(Request):
    """An instance's report that a task has ended."""

    task_id: Name = Field(description="The task, by our id or by the one the instance gave it.")
    instance_id: Any = Field(
        "",
        description=_SENDER,
        json_schema_extra={"type": "string"},
        examples=["worker1-instance"],
    )
    execution_time: FiniteFloat = Field(ge=0, description="Execution time in milliseconds.", examples=[125.5])
    result: dict[str, Any] | None = Field(
        description='The task\'s result, kept as it is. {"status": "error", …} says that it failed.',
        examples=[{"output": "Task completed successfully", "status": "success"}],
    )
    attempt: int = Field(
        0, ge=0, description="The attempt it is about, as the push's Idempotency-Key said; 0: not said."
    )
    resumption: int = Field(
        0,
        ge=0,
        description="Number of the resumption of the attempt, as the push's Idempotency-Key said after a dot; 0 where "
        "it said none.",
    )


class CompletionResponse(Response):
    """What came of the report."""

    status: Literal["success", "warning"] = Field(description="warning: nobody knows the task, or nobody was given it.")
    message: str = Field(description="The same in words.", examples=["Task task-abc123 completion processed"])
    total_time_ms: float = Field(description="Time since the task was submitted, milliseconds.", examples=[156.8])


class YieldReport(Request):
    """An instance's report that a run has given way."""

    task_id: Name = Field(description="The task, by our id or by the one the instance gave it.")
    instance_id: Any = Field(
        "",
        description=_SENDER,
        json_schema_extra={"type": "string"},
        examples=["worker1-instance"],
    )
    attempt: int = Field(ge=1, lt=2**31, description="The attempt it is about, as the push's Idempotency-Key said.")
    resumption: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Number of the resumption of the attempt, as the push's Idempotency-Key said after a dot; 0 where "
        "it said none.",
    )
    execution_time: FiniteFloat = Field(
        ge=0, description="Execution time of this run up to there, in milliseconds.", examples=[125.5]
    )
    checkpoint: dict[str, Any] = Field(
        description=f"What the next run goes on from, as its `checkpoint`; at most {CHECKPOINT_BYTES} bytes as JSON.",
        examples=[{"step": 42}],
    )


class YieldResponse(Response):
    """What came of the report."""

    status: Literal["success", "warning"] = Field(description="warning: nobody knows the task, or nobody was given it.")
    message: str = Field(description="The same in words.", examples=["Task task-abc123 yield processed"])
