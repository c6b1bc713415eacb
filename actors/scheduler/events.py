"""What the scheduler remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.messages.scheduler import Protocol
from actors.messages.tasks import ACTIVITY_BUFFER_FULL, TaskSpec
from actors.scheduler.fair_line import ShareUse
from actors.task_lifecycle import TaskState


@dataclass(frozen=True, slots=True)
class InstanceRegistered:
    """A TaskInstance is known from now on, or its data have changed."""

    ti_uuid: str
    host: str
    port: int
    model_name: str
    capacity: int
    protocol: Protocol
    capabilities: tuple[str, ...]
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class InstanceDrainBegan:
    """The instance gets no more tasks; it goes once it holds none."""

    ti_uuid: str


@dataclass(frozen=True, slots=True)
class InstanceRemoved:
    """The instance is forgotten."""

    ti_uuid: str


@dataclass(frozen=True, slots=True)
class InstanceMarkedDown:
    """The instance does not answer. A worker is forgotten at `forget_at` (Unix seconds) unless it comes back."""

    ti_uuid: str
    reason: str
    forget_at: float | None = None


@dataclass(frozen=True, slots=True)
class InstanceMarkedUp:
    """The instance answers again."""

    ti_uuid: str


@dataclass(frozen=True, slots=True)
class TaskQueued:
    """A task was admitted and waits. `pools` are the pools that may run it, best first (see `pools`).

    `admitted_at` grows from task to task; `key` is its place among equals in importance (see `orders`), 0.0 in records
    from before there were orders: then the number of its arrival is. In a fair line it takes `share`. `expected_ms` is
    what it was predicted to take on an ordinary instance, where the strategy goes by that, else 0.
    """

    spec: TaskSpec
    pools: tuple[str, ...]
    scheduled_ti: str
    admitted_at: float = 0.0
    key: float = 0.0
    share: ShareUse | None = None
    expected_ms: int = 0

    @property
    def task_id(self) -> str:
        """The task this is about."""
        return self.spec.task_id


@dataclass(frozen=True, slots=True)
class TaskMoved:
    """A waiting task has another tentative instance, its former one having been removed."""

    task_id: str
    scheduled_ti: str


@dataclass(frozen=True, slots=True)
class TaskBound:
    """A task was given to an instance that has a place for it."""

    task_id: str
    agent_id: str
    ti_uuid: str
    attempt: int
    bound_at: float
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class TaskRequeued:
    """An attempt did not work out: back in the line as `attempt`, not before `not_before` (Unix seconds)."""

    task_id: str
    agent_id: str
    attempt: int
    avoid: str
    not_before: float
    reason: str


@dataclass(frozen=True, slots=True)
class TaskReadied:
    """The delay of a returned task is over."""

    task_id: str


@dataclass(frozen=True, slots=True)
class TaskClosed:
    """The task has ended: it holds no place any more."""

    task_id: str
    state: TaskState
    execution_ms: float | None


@dataclass(frozen=True, slots=True)
class StrategyChosen:
    """The placement strategy for one model, or ("") for all."""

    name: str
    model_name: str


@dataclass(frozen=True, slots=True)
class OrderChosen:
    """The order of the line for tasks of one model, or ("") of all, that are admitted from now on."""

    name: str
    model_name: str


@dataclass(frozen=True, slots=True)
class AgentClosed:
    """The agent takes no new tasks; what runs may finish until `until` (Unix seconds).

    `dismissed` are the incarnations of the workers that it had, which do not open it when they connect again.
    """

    agent_id: str
    grace_s: float
    until: float = 0.0
    dismissed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentReopened:
    """A worker has attached again: the agent takes tasks, and what waited goes on."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class PreemptionStarted:
    """A running task is asked to give way to `for_task`; "" where somebody just asked."""

    task_id: str
    agent_id: str
    attempt: int
    resumption: int
    for_task: str
    reason: str


@dataclass(frozen=True, slots=True)
class PreemptionWithdrawn:
    """The task need not give way to `for_task`, which could not use its place."""

    task_id: str
    agent_id: str
    for_task: str


@dataclass(frozen=True, slots=True)
class TaskSuspended:
    """The task has given way, and waits to be resumed, with the place in line that it always had."""

    task_id: str
    agent_id: str
    attempt: int
    resumption: int
    reason: str


@dataclass(frozen=True, slots=True)
class ProtectionEnded:
    """The resumed task has run long enough to be chosen to give way again."""

    task_id: str


@dataclass(frozen=True, slots=True)
class StartsDeferred:
    """An instance of the pool is free, and what waits is done sooner on a busy one; looked at again at `until`.

    Said once, and again where that is sooner than was said before.
    """

    pool: str
    until: float


@dataclass(frozen=True, slots=True)
class DeferralEnded:
    """That moment has come."""

    pool: str


@dataclass(frozen=True, slots=True)
class PreemptionQueued:
    """Somebody asked a task to give way that waits, or whose instance cannot be asked: it changes nothing."""

    task_id: str
    agent_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class EntryRefused:
    """The activity buffer had no room for the task that was just queued, by the limit of agent `full`, "" for all."""

    task_id: str
    agent_id: str
    full: str
    code: str = ACTIVITY_BUFFER_FULL


@dataclass(frozen=True, slots=True)
class EntryGranted:
    """There is room now for the entry of a task that was refused one."""

    task_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class ActivityRoomLow:
    """The activity buffer of this agent, or ("") of all together, is nearly full."""

    agent_id: str
    entries: int
    limit: int


@dataclass(frozen=True, slots=True)
class ActivityRoomEased:
    """It is no longer nearly full."""

    agent_id: str


SchedulerEvent: TypeAlias = (
    InstanceRegistered
    | InstanceDrainBegan
    | InstanceRemoved
    | InstanceMarkedDown
    | InstanceMarkedUp
    | TaskQueued
    | TaskMoved
    | TaskBound
    | TaskRequeued
    | TaskReadied
    | TaskClosed
    | StrategyChosen
    | OrderChosen
    | AgentClosed
    | AgentReopened
    | StartsDeferred
    | DeferralEnded
    | PreemptionQueued
    | PreemptionStarted
    | PreemptionWithdrawn
    | TaskSuspended
    | ProtectionEnded
    | EntryRefused
    | EntryGranted
    | ActivityRoomLow
    | ActivityRoomEased
)
