"""What an agent is asked and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.tasks import TaskSpec


@dataclass(frozen=True, slots=True)
class ExpectTask:
    """From the scheduler: a task of yours was admitted and waits (sent where a client named the agent).

    `has_room` is False where the activity buffer has no room for its entry.
    """

    spec: TaskSpec
    has_room: bool = True


@dataclass(frozen=True, slots=True)
class RunTask:
    """From the scheduler: this task is bound to an instance that has a place free; bring it to an end.

    `has_room` is False where the activity buffer has no room for its entry.
    """

    spec: TaskSpec
    attempt: int
    ti_uuid: str
    has_room: bool = True


@dataclass(frozen=True, slots=True)
class RegisterActivity:
    """From the scheduler: there is room now for the entry of this task. `waits`: it has not been placed yet."""

    spec: TaskSpec
    waits: bool


@dataclass(frozen=True, slots=True)
class PreemptTask:
    """From the scheduler: ask this task to give way at its next safe point."""

    task_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class BeginShutdown:
    """From the scheduler: the agent is being shut down; what runs may finish within `grace_s` seconds."""

    grace_s: float


@dataclass(frozen=True, slots=True)
class PollActivity:
    """Ask for the activity buffer. -> ActivityListed."""


@dataclass(frozen=True, slots=True)
class PurgeActivity:
    """Forget entries of ended tasks, the named ones or (empty) all. -> ActivityPurged."""

    task_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """From a dispatcher: the instance has taken the task."""

    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """From a dispatcher: this attempt cannot end any more (refused, lost, instance down)."""

    task_id: str
    attempt: int
    ti_uuid: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """From a dispatcher: the instance reported the end.

    `attempt` 0 means the report did not say which attempt it is of, as the guide's does not.
    `result` is the JSON text of the reported result; `is_error` says whether it reports an error.
    """

    task_id: str
    attempt: int
    ti_uuid: str
    execution_ms: float
    result: bytes
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class CallbackAnswered:
    """The outcome of posting a final record to a task's `callback_url`."""

    task_id: str
    delivered: bool
    detail: str


AgentMessage: TypeAlias = (
    ExpectTask
    | RunTask
    | RegisterActivity
    | PreemptTask
    | BeginShutdown
    | PollActivity
    | PurgeActivity
    | AttemptStarted
    | AttemptFailed
    | TaskEnded
    | CallbackAnswered
    | TimePassed
    | Resumed
)
