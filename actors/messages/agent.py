"""What an agent is asked and told."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.tasks import Activity, TaskSpec


class ExpectTask(Struct, frozen=True):
    """From the scheduler: a task of yours was admitted and waits (sent where a client named the agent).

    `has_room` is False where the activity buffer has no room for its entry, `is_served` where nothing that could run
    it, or another task of yours that waits, is up.
    """

    spec: TaskSpec
    has_room: bool = True
    is_served: bool = True


class RunTask(Struct, frozen=True):
    """From the scheduler: this task is bound to an instance that has a place free; bring it to an end.

    `has_room` is False where the activity buffer has no room for its entry.
    """

    spec: TaskSpec
    attempt: int
    ti_uuid: str
    has_room: bool = True
    resumption: int = 0


class RegisterActivity(Struct, frozen=True):
    """From the scheduler: there is room now for the entry of this task. `waits`: it has not been placed yet."""

    spec: TaskSpec
    waits: bool


class PreemptTask(Struct, frozen=True):
    """From the scheduler: this run has to give way at its next safe point, within `grace_s` (None: the setting)."""

    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_s: float | None = None


class SparePreemption(Struct, frozen=True):
    """From the scheduler: nobody needs the place of this run any more; it is not to be forced out of it."""

    task_id: str
    attempt: int
    resumption: int


class BeginShutdown(Struct, frozen=True):
    """From the scheduler: the agent is being shut down; what runs may finish within `grace_s` seconds."""

    grace_s: float


class ReopenAgent(Struct, frozen=True):
    """From the scheduler: a worker has attached again; the shutdown is over, or does not go on."""


class ResourcesChanged(Struct, frozen=True):
    """From the scheduler: so many workers are attached as this agent, and so many of them answer.

    `served`: they could run its tasks, or TaskInstances could run some that wait.
    """

    attached: int
    up: int
    served: bool


class DescribeAgent(Struct, frozen=True):
    """Ask how the agent is. -> AgentDescribed."""


class PollActivity(Struct, frozen=True):
    """Ask for the activity buffer. -> ActivityListed."""


class PurgeActivity(Struct, frozen=True):
    """Forget entries of ended tasks, the named ones or (empty) all. -> ActivityPurged."""

    task_ids: tuple[str, ...] = ()


class AttemptStarted(Struct, frozen=True):
    """From a dispatcher: the instance has taken the task."""

    task_id: str
    attempt: int
    resumption: int = 0


class AttemptFailed(Struct, frozen=True):
    """From a dispatcher: this attempt cannot end any more (refused, lost, instance down)."""

    task_id: str
    attempt: int
    ti_uuid: str
    reason: str
    resumption: int = 0


class AttemptYielded(Struct, frozen=True):
    """From a dispatcher: this run has given way, leaving `checkpoint` (JSON text)."""

    task_id: str
    attempt: int
    resumption: int
    ti_uuid: str
    execution_ms: float
    checkpoint: bytes


class YieldDeferred(Struct, frozen=True):
    """From a dispatcher: the run cannot give way for at most `deferred_ms`, being inside `section`."""

    task_id: str
    attempt: int
    resumption: int
    section: str
    deferred_ms: float


class NoteProgress(Struct, frozen=True):
    """From a dispatcher: how far this run is, as its worker says (see ReportProgress)."""

    task_id: str
    attempt: int
    resumption: int
    activity: Activity | None = None
    progress: float | None = None
    checkpoint: bytes = b""


class TaskEnded(Struct, frozen=True):
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
    resumption: int = 0


class CallbackAnswered(Struct, frozen=True):
    """The outcome of posting a final record to a task's `callback_url`."""

    task_id: str
    delivered: bool
    detail: str


AgentMessage: TypeAlias = (
    ExpectTask
    | RunTask
    | RegisterActivity
    | PreemptTask
    | SparePreemption
    | BeginShutdown
    | ReopenAgent
    | ResourcesChanged
    | DescribeAgent
    | PollActivity
    | PurgeActivity
    | AttemptStarted
    | AttemptFailed
    | AttemptYielded
    | YieldDeferred
    | NoteProgress
    | TaskEnded
    | CallbackAnswered
    | TimePassed
    | Resumed
)
