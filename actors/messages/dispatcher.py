"""What a dispatcher is asked and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import Protocol
from actors.messages.tasks import Activity


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
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class DropTask:
    """From an agent: this attempt no longer counts; tell the instance to stop it where it can be told."""

    task_id: str
    attempt: int
    reason: str
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class AskToYield:
    """From an agent: ask the instance to let this run give way within `grace_ms`; `terminate`: for the last time."""

    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_ms: int
    terminate: bool = False


@dataclass(frozen=True, slots=True)
class TellWorkerToLeave:
    """From the scheduler: tell the worker that its agent is being shut down; what it runs may take `grace_ms`."""

    reason: str
    grace_ms: int


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
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class ReportYield:
    """From a worker: this run has given way, leaving `checkpoint` (JSON text) to go on from. -> ReportAnswered.

    `execution_ms` is what it took up to there.
    """

    task_id: str
    attempt: int
    resumption: int
    agent_id: str
    instance_id: str
    execution_ms: float
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """From a worker: how far this run is. -> ReportAnswered. None or b"" leaves what was said before.

    `progress` is from 0 to 1. `checkpoint` (JSON text) is where a next attempt may go on from, should this one be lost.
    """

    task_id: str
    attempt: int
    resumption: int
    agent_id: str
    activity: Activity | None = None
    progress: float | None = None
    checkpoint: bytes = b""


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
    resumption: int = 0


YieldOutcome: TypeAlias = Literal["yielded", "noted", "gone", "unheard"]
"""`noted`: it will. `gone`: the instance has no such run. `unheard`: it could not be asked, or does not tell."""


@dataclass(frozen=True, slots=True)
class YieldAnswered:
    """What came of asking a run to give way. `yielded` comes with its checkpoint (JSON text) and execution time.

    While the run is inside `section`, it cannot give way for at most `deferred_ms`.
    """

    task_id: str
    attempt: int
    resumption: int
    outcome: YieldOutcome
    checkpoint: bytes = b""
    execution_ms: float = 0.0
    section: str = ""
    deferred_ms: float = 0.0


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
    | AskToYield
    | TellWorkerToLeave
    | Report
    | ReportYield
    | ReportProgress
    | PushAnswered
    | YieldAnswered
    | ProbeAnswered
    | TimePassed
    | Resumed
)
