"""What is said over REST about dead letters."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.schema_fields import Response


class DeadFailure(Response):
    """One time that the message had no effect."""

    at: float = Field(description="When, Unix seconds.")
    reason: str = Field(description="Why.")


class DeadSummary(Response):
    """A message that could have no effect."""

    id: str = Field(description="Id of the dead letter.")
    kind: Literal["message", "bundle", "command"] = Field(
        description="`message`: of the service itself. `bundle`: several of those that the broker gave up. `command`: "
        "what a producer published."
    )
    to: str = Field(description="The actor or the queue that it was for.")
    name: str = Field(description="Type of the message; empty where that cannot be told.")
    task_id: str = Field(description="The task that it names; empty where it names none.")
    failed_at: float = Field(description="When it failed last, Unix seconds.")
    reason: str = Field(description="Why it failed last.")
    tries: int = Field(description="Number of times that it was tried.")


class DeadList(Response):
    """Dead letters, those that failed last first."""

    letters: list[DeadSummary] = Field(description="The dead letters.")


class DeadRecord(DeadSummary):
    """All that is known of one."""

    failures: list[DeadFailure] = Field(description="Every time it was tried, oldest first.")
    message: Any = Field(description="The message: as JSON where it is, else as text.")


class ReplayResponse(Response):
    """What became of a replay."""

    outcome: Literal["replayed", "failed", "sent"] = Field(
        description="`replayed`: it has had its effect, and is no dead letter any more. `failed`: again, for `reason`. "
        "`sent`: nothing is known yet."
    )
    reason: str = Field(description="Why it failed; empty where it did not.")
