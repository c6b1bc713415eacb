"""What the scheduler remembers."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.messages.scheduler import Protocol
from actors.messages.tasks import ACTIVITY_BUFFER_FULL, TaskSpec
from actors.scheduler.fair_line import ShareUse
from actors.task_lifecycle import TaskState


class InstanceRegistered(Struct, frozen=True):
    """A TaskInstance is known from now on, or its data have changed."""

    ti_uuid: str
    host: str
    port: int
    model_name: str
    capacity: int
    protocol: Protocol
    capabilities: tuple[str, ...]
    incarnation: str = ""


class InstanceDrainBegan(Struct, frozen=True):
    """The instance gets no more tasks; it goes once it holds none."""

    ti_uuid: str


class InstanceRemoved(Struct, frozen=True):
    """The instance is forgotten."""

    ti_uuid: str


class InstanceMarkedDown(Struct, frozen=True):
    """The instance does not answer. A worker is forgotten at `forget_at` (Unix seconds) unless it comes back."""

    ti_uuid: str
    reason: str
    forget_at: float | None = None


class InstanceMarkedUp(Struct, frozen=True):
    """The instance answers again."""

    ti_uuid: str


class TaskQueued(Struct, frozen=True):
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


class TaskMoved(Struct, frozen=True):
    """A waiting task has another tentative instance, its former one having been removed."""

    task_id: str
    scheduled_ti: str


class TaskBound(Struct, frozen=True):
    """A task was given to an instance that has a place for it."""

    task_id: str
    agent_id: str
    ti_uuid: str
    attempt: int
    bound_at: float
    resumption: int = 0


class TaskRequeued(Struct, frozen=True):
    """An attempt did not work out: back in the line as `attempt`, not before `not_before` (Unix seconds)."""

    task_id: str
    agent_id: str
    attempt: int
    avoid: str
    not_before: float
    reason: str


class TaskReadied(Struct, frozen=True):
    """The delay of a returned task is over."""

    task_id: str


class TaskClosed(Struct, frozen=True):
    """The task has ended: it holds no place any more."""

    task_id: str
    state: TaskState
    execution_ms: float | None


class StrategyChosen(Struct, frozen=True):
    """The placement strategy for one model, or ("") for all."""

    name: str
    model_name: str


class OrderChosen(Struct, frozen=True):
    """The order of the line for tasks of one model, or ("") of all, that are admitted from now on."""

    name: str
    model_name: str


class AgentClosed(Struct, frozen=True):
    """The agent takes no new tasks; what runs may finish until `until` (Unix seconds).

    `dismissed` are the incarnations of the workers that it had, which do not open it when they connect again.
    """

    agent_id: str
    grace_s: float
    until: float = 0.0
    dismissed: tuple[str, ...] = ()


class AgentReopened(Struct, frozen=True):
    """A worker has attached again: the agent takes tasks, and what waited goes on."""

    agent_id: str


class PreemptionStarted(Struct, frozen=True):
    """A running task is asked to give way to `for_task`; "" where somebody just asked."""

    task_id: str
    agent_id: str
    attempt: int
    resumption: int
    for_task: str
    reason: str


class PreemptionWithdrawn(Struct, frozen=True):
    """The task need not give way to `for_task`, which could not use its place."""

    task_id: str
    agent_id: str
    for_task: str


class TaskSuspended(Struct, frozen=True):
    """The task has given way, and waits to be resumed, with the place in line that it always had."""

    task_id: str
    agent_id: str
    attempt: int
    resumption: int
    reason: str


class ProtectionEnded(Struct, frozen=True):
    """The resumed task has run long enough to be chosen to give way again."""

    task_id: str


class StartsDeferred(Struct, frozen=True):
    """An instance of the pool is free, and what waits is done sooner on a busy one; looked at again at `until`.

    Said once, and again where that is sooner than was said before.
    """

    pool: str
    until: float


class DeferralEnded(Struct, frozen=True):
    """That moment has come."""

    pool: str


class PreemptionQueued(Struct, frozen=True):
    """Somebody asked a task to give way that waits, or whose instance cannot be asked: it changes nothing."""

    task_id: str
    agent_id: str
    reason: str


class EntryRefused(Struct, frozen=True):
    """The activity buffer had no room for the task that was just queued, by the limit of agent `full`, "" for all."""

    task_id: str
    agent_id: str
    full: str
    code: str = ACTIVITY_BUFFER_FULL


class EntryGranted(Struct, frozen=True):
    """There is room now for the entry of a task that was refused one."""

    task_id: str
    agent_id: str


class ActivityRoomLow(Struct, frozen=True):
    """The activity buffer of this agent, or ("") of all together, is nearly full."""

    agent_id: str
    entries: int
    limit: int


class ActivityRoomEased(Struct, frozen=True):
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
