"""What is said over REST about the placement of one task."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.schema_fields import Response


class ExplainedCandidate(Response):
    """An instance of the task's model as it was at that moment. `running` and `waiting` leave the task itself out."""

    ti_uuid: str = Field(description="Id of the instance.")
    host: str = Field(description="Host of the instance.")
    port: int = Field(description="Port number of the instance.")
    condition: Literal["up", "down", "draining"] = Field(description="Whether it answered.")
    capacity: int = Field(description="Number of tasks it runs at once.")
    running: int = Field(description="Number of tasks it held.")
    waiting: int = Field(description="Number of tasks that waited and were meant for it.")
    could_be_chosen: bool = Field(
        description="Whether the task could have started there; for a waiting task, whether it can be meant for it."
    )
    execution_ms: float = Field(description="How long this task was expected to take there, milliseconds.")
    completion_ms: float | None = Field(
        description="Milliseconds from then until it would have been done there, behind all that ran and waited; null "
        "where the strategy does not go by that."
    )
    completion_error_ms: float | None = Field(description="Standard deviation of that, milliseconds.")
    completion_q95_ms: float | None = Field(description="The same that holds in 95 of 100 cases, milliseconds.")
    score: float | None = Field(
        description="What the strategy went by, a number in `unit`; the least is best, null for who is passed over."
    )


class Explanation(Response):
    """Why a task started where it did, or why it waits and what each instance would be to it now."""

    task_id: str = Field(description="Id of the task.")
    status: Literal["waiting", "started"] = Field(description="started: the numbers are of when it was last started.")
    why: str = Field(description="The reason in words.")
    chosen: str = Field(description="Id of the instance that it was started on; empty where it waits.")
    meant: str = Field(description="Id of the instance that the strategy gave it when it was admitted.")
    strategy: str = Field(description="The strategy that was in force.", examples=["shortest_queue"])
    unit: str = Field(description="What `score` is; empty for a strategy of your own.")
    at: float = Field(description="When these were the numbers, Unix seconds.")
    candidates: list[ExplainedCandidate] = Field(description="All instances of the model.")
