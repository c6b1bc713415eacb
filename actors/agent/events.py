"""What an agent remembers: the facts of its tasks' lives, from which its whole state can be rebuilt.

Times (`at`, `due`) are Unix seconds.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from msgspec import Struct

from actors.agent_lifecycle import LifecycleState
from actors.messages.tasks import ACTIVITY_BUFFER_FULL, Activity
from actors.task_lifecycle import TaskState


class TaskExpected(Struct, frozen=True):
    """The task was admitted, and has an entry in the activity buffer."""

    task_id: str
    at: float
    activity: Activity | None = None


class ActivityRefused(Struct, frozen=True):
    """The activity buffer had no room for the task's entry: the task goes without until there is."""

    task_id: str
    at: float
    code: str = ACTIVITY_BUFFER_FULL


class ActivityRegistered(Struct, frozen=True):
    """The task that was refused an entry has one now."""

    task_id: str
    at: float
    activity: Activity | None = None


class AttemptPlaced(Struct, frozen=True):
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


class AttemptBegan(Struct, frozen=True):
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


class AttemptAbandoned(Struct, frozen=True):
    """The attempt did not work out; the task goes back into the line for another after `delay_s` seconds."""

    task_id: str
    attempt: int
    ti_uuid: str
    at: float
    reason: str
    delay_s: float


class TaskFinished(Struct, frozen=True):
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


class LateReportSeen(Struct, frozen=True):
    """An attempt that had been given up reported an end that no longer counts: it changes nothing."""

    task_id: str
    attempt: int
    ti_uuid: str


class PreemptionBegan(Struct, frozen=True):
    """The run is asked to give way until `due`."""

    task_id: str
    attempt: int
    resumption: int
    ti_uuid: str
    at: float
    reason: str
    grace_s: float
    due: float


class PreemptionDeferred(Struct, frozen=True):
    """The run is inside `section`, which it had declared not to be interrupted: it has until `due`."""

    task_id: str
    section: str
    at: float
    due: float


class PreemptionSpared(Struct, frozen=True):
    """Nobody needs the run's place any more: it may still give way, but is not forced to."""

    task_id: str
    at: float


class TerminationBegan(Struct, frozen=True):
    """The run has not been heard of within its grace: it is told for the last time, and stopped at `due`."""

    task_id: str
    attempt: int
    resumption: int
    at: float
    due: float


class RunSuspended(Struct, frozen=True):
    """The run has given way after `execution_ms`; its checkpoint is in the store. The task waits to be resumed."""

    task_id: str
    attempt: int
    resumption: int
    ti_uuid: str
    at: float
    execution_ms: float


class ShutdownBegan(Struct, frozen=True):
    """The agent is being shut down; what runs may finish until `due`."""

    at: float
    due: float


class ShutdownEnded(Struct, frozen=True):
    """Nothing runs any more, or what did was stopped. The agent stays closed."""

    at: float


class ShutdownLifted(Struct, frozen=True):
    """A worker has attached again: the agent is open."""

    at: float


class ResourcesSeen(Struct, frozen=True):
    """So many workers are attached and answer. `served`: they, or TaskInstances, could run the agent's tasks."""

    at: float
    attached: int
    up: int
    served: bool


class AgentMoved(Struct, frozen=True):
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


class DeadlinesPutOff(Struct, frozen=True):
    """The agent goes on after its process was away: run timeouts, graces and a shutdown are not over before `until`."""

    at: float
    until: float


class ActivityForgotten(Struct, frozen=True):
    """These entries of ended tasks were purged from the activity buffer, by request or because they were too old.

    `is_everything`: nothing is left of any task that had ended, neither of those that the buffer no longer knew.
    """

    task_ids: tuple[str, ...]
    is_everything: bool = False


class ProgressNoted(Struct, frozen=True):
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


class CallbackDelivered(Struct, frozen=True):
    """The final record was accepted by the task's `callback_url`."""

    task_id: str


class CallbackPostponed(Struct, frozen=True):
    """Posting the final record failed for the `tries`-th time; the next try is due at `due`."""

    task_id: str
    tries: int
    due: float
    detail: str


class CallbackRepeated(Struct, frozen=True):
    """The final record is being posted again."""

    task_id: str


class CallbackAbandoned(Struct, frozen=True):
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
    | DeadlinesPutOff
    | ActivityForgotten
    | ProgressNoted
    | CallbackDelivered
    | CallbackPostponed
    | CallbackRepeated
    | CallbackAbandoned
)

AGENT_EVENTS: tuple[type, ...] = get_args(AgentEvent)
