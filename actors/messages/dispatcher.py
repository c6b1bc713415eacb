"""What a dispatcher is asked and told."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import Protocol
from actors.messages.tasks import Activity


class AttendInstance(Struct, frozen=True):
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


class ReleaseInstance(Struct, frozen=True):
    """From the scheduler: the instance was removed and holds nothing any more; stop probing it."""


class PushTask(Struct, frozen=True):
    """From an agent: give this task to the instance."""

    task_id: str
    attempt: int
    agent_id: str
    resumption: int = 0


class DropTask(Struct, frozen=True):
    """From an agent: this attempt no longer counts; tell the instance to stop it where it can be told."""

    task_id: str
    attempt: int
    reason: str
    resumption: int = 0


class AskToYield(Struct, frozen=True):
    """From an agent: ask the instance to let this run give way within `grace_ms`; `terminate`: for the last time."""

    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_ms: int
    terminate: bool = False


class TellWorkerToLeave(Struct, frozen=True):
    """From the scheduler: tell the worker that its agent is being shut down; what it runs may take `grace_ms`."""

    reason: str
    grace_ms: int


class Report(Struct, frozen=True):
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


class ReportYield(Struct, frozen=True):
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


class ReportProgress(Struct, frozen=True):
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


class PushAnswered(Struct, frozen=True):
    """What came of a push. `remote_id` is the instance's own id for the task, "" where it uses ours.

    `is_fault`: the instance refused because of itself (5xx, 408, 429), not because of the task. `sent_at` is when
    sending began (Unix seconds), None where nobody noted it: what accepted was there then, and may be gone by now.
    """

    task_id: str
    attempt: int
    outcome: PushOutcome
    detail: str = ""
    remote_id: str = ""
    is_fault: bool = False
    resumption: int = 0
    sent_at: float | None = None


YieldOutcome: TypeAlias = Literal["yielded", "noted", "gone", "unheard"]
"""`noted`: it will. `gone`: the instance has no such run. `unheard`: it could not be asked, or does not tell."""


class YieldAnswered(Struct, frozen=True):
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


class ProbeAnswered(Struct, frozen=True):
    """What came of a probe. `uptime_s` is None where the instance does not tell.

    `goes_on`: its uptime has grown by as much as a steady clock since it told last, so it was not started anew.
    """

    alive: bool
    detail: str = ""
    uptime_s: float | None = None
    goes_on: bool = False


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
