"""What the scheduler answers, as typed values. Times are Unix seconds, durations milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """A task that the scheduler has recorded. `scheduled_ti` is tentative while the task waits."""

    task_id: str
    scheduled_ti: str


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as a query shows it.

    `status` is the guide's: queued, scheduled or completed (which every end is). `state` is the true one.
    `execution_ms` is None until the task has run. `reason` says what the task waits for, where that is known.
    `error_code` is why it failed, as one word.
    """

    task_id: str
    status: str
    state: str
    scheduled_ti: str
    submit_time: float
    result: Any
    model_name: str = ""
    priority: int = 0
    attempt: int = 0
    execution_ms: float | None = None
    error: str = ""
    agent_id: str = ""
    reason: str = ""
    error_code: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the task has reached its end, good or bad."""
        return self.status == "completed"

    @property
    def has_failed(self) -> bool:
        """Whether the task ended otherwise than well; a result that says "error" counts as a failure."""
        return self.has_ended and (self.state != "completed" or _says_error(self.result))

    @property
    def failure(self) -> str:
        """Why the task failed, "" where it did not."""
        if not self.has_failed:
            return ""
        # What the task says of itself is why; the scheduler only knows that it said so.
        said = self.result.get("error") if _says_error(self.result) else None
        return str(said or self.error or self.result)


@dataclass(frozen=True, slots=True)
class InstanceQueue:
    """An instance, and the wait in ms that a task submitted now would have there, with its standard deviation."""

    model_name: str
    ti_uuid: str
    waiting_ms: float
    waiting_error_ms: float
    host: str = ""
    port: int = 0
    condition: str = ""
    capacity: int = 1
    running: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """How the scheduler is: "healthy", or what it says instead; `details` is the whole answer."""

    status: str
    version: str
    details: dict[str, Any]


def task_record(body: dict[str, Any]) -> TaskRecord:
    """A record from the JSON of a query; also of a server that knows the guide's five fields only."""
    status = str(body["task_status"])
    return TaskRecord(
        task_id=str(body["task_id"]),
        status=status,
        state=str(body.get("state") or status),
        scheduled_ti=str(body.get("scheduled_ti") or ""),
        submit_time=float(body.get("submit_time") or 0.0),
        result=body.get("result"),
        model_name=str(body.get("model_name") or ""),
        priority=int(body.get("priority") or 0),
        attempt=int(body.get("attempt") or 0),
        execution_ms=body.get("execution_time"),
        error=str(body.get("error") or ""),
        agent_id=str(body.get("agent_id") or ""),
        reason=str(body.get("reason") or ""),
        error_code=str(body.get("error_code") or ""),
    )


def instance_queue(body: dict[str, Any]) -> InstanceQueue:
    """One entry of `/queue/info`."""
    return InstanceQueue(
        model_name=str(body["model_name"]),
        ti_uuid=str(body["ti_uuid"]),
        waiting_ms=float(body["waiting_time_expect"]),
        waiting_error_ms=float(body["waiting_time_error"]),
        host=str(body.get("host") or ""),
        port=int(body.get("port") or 0),
        condition=str(body.get("condition") or ""),
        capacity=int(body.get("capacity") or 1),
        running=int(body.get("running") or 0),
        waiting=int(body.get("waiting") or 0),
    )


def _says_error(result: object) -> bool:
    return isinstance(result, dict) and result.get("status") == "error"
