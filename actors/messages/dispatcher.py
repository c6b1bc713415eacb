"""What a dispatcher is asked and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import Protocol


@dataclass(frozen=True, slots=True)
class AttendInstance:
    """From the scheduler: look after this TaskInstance or worker from now on (also sent when its data change).

    A worker's `host` is its id. `incarnation` is that of an attached worker's process, "" where it is not told.
    """

    ti_uuid: str
    host: str
    port: int
    model_name: str
    capacity: int
    protocol: Protocol
    capabilities: tuple[str, ...] = ()
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseInstance:
    """From the scheduler: the instance was removed and holds nothing any more; stop probing it."""


@dataclass(frozen=True, slots=True)
class PushTask:
    """From an agent: give this task to the instance."""

    task_id: str
    attempt: int
    agent_id: str


@dataclass(frozen=True, slots=True)
class DropTask:
    """From an agent: this attempt no longer counts; tell the instance to stop it where it can be told."""

    task_id: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """From the gateway: an instance says that a task has ended.

    `attempt` 0: not said. `agent_id` comes from the task's record, so that a report of a task that this
    dispatcher no longer holds still finds its agent. -> ReportAnswered.
    """

    task_id: str
    attempt: int
    agent_id: str
    instance_id: str
    execution_ms: float
    result: bytes
    is_error: bool = False


PushOutcome: TypeAlias = Literal["accepted", "refused", "unreachable", "unknown"]
"""`refused`: the instance answered no. `unreachable`: nothing was sent. `unknown`: sent, and no answer."""


@dataclass(frozen=True, slots=True)
class PushAnswered:
    """What came of a push. `remote_id` is the instance's own id for the task, "" where it uses ours.

    `is_fault`: the instance refused because of itself (5xx, 408, 429), not because of the task.
    """

    task_id: str
    attempt: int
    outcome: PushOutcome
    detail: str = ""
    remote_id: str = ""
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """What came of a probe. `uptime_s` is None where the instance does not tell."""

    alive: bool
    detail: str = ""
    uptime_s: float | None = None


DispatcherMessage: TypeAlias = (
    AttendInstance
    | ReleaseInstance
    | PushTask
    | DropTask
    | Report
    | PushAnswered
    | ProbeAnswered
    | TimePassed
    | Resumed
)
