"""What an agent remembers: the facts of its tasks' lives, from which its whole state can be rebuilt.

Times (`at`, `due`) are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from actors.agent_lifecycle import LifecycleState
from actors.messages.tasks import ACTIVITY_BUFFER_FULL, Activity
from actors.task_lifecycle import TaskState


@dataclass(frozen=True, slots=True)
class TaskExpected:
    """The task was admitted, and has an entry in the activity buffer."""

    task_id: str
    at: float
    activity: Activity | None = None


@dataclass(frozen=True, slots=True)
class ActivityRefused:
    """The activity buffer had no room for the task's entry: the task goes without until there is."""

    task_id: str
    at: float
    code: str = ACTIVITY_BUFFER_FULL


@dataclass(frozen=True, slots=True)
class ActivityRegistered:
    """The task that was refused an entry has one now."""

    task_id: str
    at: float
    activity: Activity | None = None


@dataclass(frozen=True, slots=True)
class AttemptPlaced:
    """The task is bound to an instance and on its way there; it times out at `due` unless it starts.

    `timeout_ms` and `callback_url` are those of its spec. `agent_moves`: what the agent becomes by it, where that is
    not what it was.
    """

    task_id: str
    attempt: int
    ti_uuid: str
    at: float
    due: float
    timeout_ms: int | None = None
    callback_url: str | None = None
    resumption: int = 0
    agent_moves: LifecycleState | None = None


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """The instance has taken the task at `at`; it times out at `due`. `gives_way`: it has been asked to, before.

    `agent_moves`: what the agent becomes by it, where that is not what it was.
    """

    task_id: str
    attempt: int
    ti_uuid: str
    at: float
    due: float
    gives_way: bool = False
    agent_moves: LifecycleState | None = None


@dataclass(frozen=True, slots=True)
class AttemptAbandoned:
    """The attempt did not work out; the task goes back into the line for another after `delay_s` seconds."""

    task_id: str
    attempt: int
    ti_uuid: str
    at: float
    reason: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """The task has reached its one end. `execution_ms` is what the instance reported, None where none did.

    `attempt` is the one that was current. `ti_uuid` is the instance that reported, or, where no report
    came, the one of the last attempt. `error_code` is "" for a completed task.
    """

    task_id: str
    state: TaskState
    attempt: int
    ti_uuid: str
    at: float
    execution_ms: float | None = None
    error: str = ""
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class LateReportSeen:
    """An attempt that had been given up reported an end that no longer counts: it changes nothing."""

    task_id: str
    attempt: int
    ti_uuid: str


@dataclass(frozen=True, slots=True)
class PreemptionBegan:
    """The run is asked to give way until `due`."""

    task_id: str
    attempt: int
    resumption: int
    ti_uuid: str
    at: float
    reason: str
    grace_s: float
    due: float


@dataclass(frozen=True, slots=True)
class PreemptionDeferred:
    """The run is inside `section`, which it had declared not to be interrupted: it has until `due`."""

    task_id: str
    section: str
    at: float
    due: float


@dataclass(frozen=True, slots=True)
class PreemptionSpared:
    """Nobody needs the run's place any more: it may still give way, but is not forced to."""

    task_id: str
    at: float


@dataclass(frozen=True, slots=True)
class TerminationBegan:
    """The run has not been heard of within its grace: it is told for the last time, and stopped at `due`."""

    task_id: str
    attempt: int
    resumption: int
    at: float
    due: float


@dataclass(frozen=True, slots=True)
class RunSuspended:
    """The run has given way after `execution_ms`; its checkpoint is in the store. The task waits to be resumed."""

    task_id: str
    attempt: int
    resumption: int
    ti_uuid: str
    at: float
    execution_ms: float


@dataclass(frozen=True, slots=True)
class ShutdownBegan:
    """The agent is being shut down; what runs may finish until `due`."""

    at: float
    due: float


@dataclass(frozen=True, slots=True)
class ShutdownEnded:
    """Nothing runs any more, or what did was stopped. The agent stays closed."""

    at: float


@dataclass(frozen=True, slots=True)
class ShutdownLifted:
    """A worker has attached again: the agent is open."""

    at: float


@dataclass(frozen=True, slots=True)
class ResourcesSeen:
    """So many workers are attached and answer. `served`: they, or TaskInstances, could run the agent's tasks."""

    at: float
    attached: int
    up: int
    served: bool


@dataclass(frozen=True, slots=True)
class AgentMoved:
    """The agent is in another state of its lifecycle, because of `cause`. (Starts of tasks are moves themselves.)

    `before` is None where it was first heard of. `code` says why it has failed, "" where it has not. At `due` it will
    have stayed in this state for too long; None where it may.
    """

    before: LifecycleState | None
    after: LifecycleState
    at: float
    cause: str
    code: str = ""
    due: float | None = None


@dataclass(frozen=True, slots=True)
class ActivityForgotten:
    """These entries of ended tasks were purged from the activity buffer, by request or because they were too old.

    `is_everything`: nothing is left of any task that had ended, neither of those that the buffer no longer knew.
    """

    task_ids: tuple[str, ...]
    is_everything: bool = False


@dataclass(frozen=True, slots=True)
class ProgressNoted:
    """The worker of the current run said how far it is. None: nothing new; of `activity`, so do empty fields.

    `progress` is from 0 to 1. `has_checkpoint`: it left one, which is stored beside the task.
    """

    task_id: str
    attempt: int
    resumption: int
    at: float
    activity: Activity | None = None
    progress: float | None = None
    has_checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class CallbackDelivered:
    """The final record was accepted by the task's `callback_url`."""

    task_id: str


@dataclass(frozen=True, slots=True)
class CallbackPostponed:
    """Posting the final record failed for the `tries`-th time; the next try is due at `due`."""

    task_id: str
    tries: int
    due: float
    detail: str


@dataclass(frozen=True, slots=True)
class CallbackRepeated:
    """The final record is being posted again."""

    task_id: str


@dataclass(frozen=True, slots=True)
class CallbackAbandoned:
    """Posting the final record failed `tries` times, the last as `detail` says; it is not tried again."""

    task_id: str
    tries: int
    detail: str


AgentEvent: TypeAlias = (
    TaskExpected
    | ActivityRefused
    | ActivityRegistered
    | AttemptPlaced
    | AttemptBegan
    | AttemptAbandoned
    | TaskFinished
    | LateReportSeen
    | PreemptionBegan
    | PreemptionDeferred
    | PreemptionSpared
    | TerminationBegan
    | RunSuspended
    | ShutdownBegan
    | ShutdownEnded
    | ShutdownLifted
    | ResourcesSeen
    | AgentMoved
    | ActivityForgotten
    | ProgressNoted
    | CallbackDelivered
    | CallbackPostponed
    | CallbackRepeated
    | CallbackAbandoned
)

AGENT_EVENTS: tuple[type, ...] = get_args(AgentEvent)
