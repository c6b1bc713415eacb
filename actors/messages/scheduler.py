"""What the scheduler is asked and told."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.tasks import TaskSpec
from actors.task_lifecycle import TaskState

Protocol: TypeAlias = Literal["submit", "enqueue", "worker"]
"""How an instance is spoken to: over HTTP (`/queue/submit`, the older `/queue/enqueue`), or as an attached worker."""

MOST_CAPACITY = 10_000
"""Tasks that one instance or worker runs at once, at most."""

CANCEL, PREEMPT = "cancel", "preempt"
"""Capabilities of an instance: it can be told to stop a run; it can be asked to let one give way."""


class SubmitTask(Struct, frozen=True):
    """Admit a task. Answered by TaskAccepted or TaskRefused.

    `input` is the payload as given (for REST: the JSON text of `task_input`), `metadata` the JSON text of
    the metadata object. `must_be_new` is False where the id was made by the gateway and cannot exist yet,
    which spares the look-up. `waits_for_instances`: admit even when no instance serves the task (gRPC);
    otherwise it is refused with `no_instances`.
    """

    spec: TaskSpec
    input: bytes
    content_type: str = "application/json"
    metadata: bytes = b"{}"
    id_is_fresh: bool = False
    waits_for_instances: bool = False


class RegisterInstance(Struct, frozen=True):
    """Add a TaskInstance that has been probed. Answered by InstanceAccepted.

    `ti_uuid` is the id to give it unless one is registered at this host and port already.
    """

    ti_uuid: str
    host: str
    port: int
    model_name: str
    capacity: int = 1
    protocol: Protocol = "submit"
    capabilities: tuple[str, ...] = ()


class RemoveInstance(Struct, frozen=True):
    """Take an instance out: what runs there finishes, what waits for it goes elsewhere. -> InstanceRemoval."""

    host: str
    port: int


class AttachWorker(Struct, frozen=True):
    """Give tasks of this agent to a worker that has connected. -> WorkerAttached.

    `ti_uuid` is the id to give it unless a worker of this id is attached already, which keeps its own.
    `incarnation` tells one process of the worker from the next: what another was running is lost.
    """

    ti_uuid: str
    worker_id: str
    agent_id: str
    capacity: int
    incarnation: str


class DetachWorker(Struct, frozen=True):
    """Give the worker nothing more: what it runs finishes. -> InstanceRemoval."""

    worker_id: str


class SetStrategy(Struct, frozen=True):
    """Choose placement strategy, order of the line or both ("" leaves one), for one model or (model_name "") for all.

    -> StrategySet or Refused.
    """

    name: str
    model_name: str = ""
    order: str = ""


class DescribeQueues(Struct, frozen=True):
    """Ask for the instances and their expected waiting times, of one model or of all (""). -> QueuesDescribed."""

    model_name: str = ""


class ExplainWait(Struct, frozen=True):
    """Ask what a task waits for. -> WaitExplained."""

    task_id: str


class ExplainPlacement(Struct, frozen=True):
    """Ask why a task started where it did, or waits, with the numbers of all candidates. -> PlacementExplained."""

    task_id: str


class DescribeActivityRoom(Struct, frozen=True):
    """Ask how full the activity buffers are. -> ActivityRoomDescribed."""


class RequestPreemption(Struct, frozen=True):
    """Ask a task to give way. -> PreemptionAnswered(enqueued) (SW4RM, RequestPreemption).

    Where it has not within `grace_s` seconds (None: the setting), it is forced to.
    """

    agent_id: str
    task_id: str
    reason: str = ""
    grace_s: float | None = None


class ShutdownAgent(Struct, frozen=True):
    """No new task is accepted for or started on this agent. -> ShutdownAnswered. `grace_s` in seconds."""

    agent_id: str
    grace_s: float


class ListAgents(Struct, frozen=True):
    """Ask for one agent, or (agent_id "") for at most `limit` of those whose ids follow `after`. -> AgentsListed."""

    agent_id: str = ""
    after: str = ""
    limit: int = 100


class ReturnTask(Struct, frozen=True):
    """From an agent: this attempt did not work out; put the task back in the line as attempt `attempt`.

    It keeps its arrival stamp. It is not given to instance `avoid` while another can take it, and to none
    before `delay_s` seconds have passed.
    """

    task_id: str
    attempt: int
    avoid: str
    delay_s: float
    reason: str


class SuspendTask(Struct, frozen=True):
    """From an agent: this run has given way; put the task back in the line, with its arrival stamp and attempt."""

    task_id: str
    attempt: int
    resumption: int
    reason: str


class TaskSettled(Struct, frozen=True):
    """From an agent: the task has reached its end; its slot and its credit are free.

    `execution_ms` is what the instance reported, where it did.
    """

    task_id: str
    state: TaskState
    execution_ms: float | None = None


class InstanceWentDown(Struct, frozen=True):
    """From a dispatcher: the instance does not answer; give it nothing."""

    ti_uuid: str
    reason: str


class InstanceCameUp(Struct, frozen=True):
    """From a dispatcher: the instance answers again."""

    ti_uuid: str


class PlaceTasks(Struct, frozen=True):
    """From the scheduler to itself: something changed in this pool; start what can be started there."""

    pool: str


class PlaceTasksOf(Struct, frozen=True):
    """From the scheduler to itself: these agents offer other tasks now; start what can be started of them."""

    agents: tuple[str, ...]


class SeekRoom(Struct, frozen=True):
    """From the scheduler to itself: should something that runs give way to this task, if it still waits?

    `agent_id` alone stands for all that wait for a slot of this agent, neither for all that wait for a slot or scope.
    """

    task_id: str = ""
    agent_id: str = ""


class FillActivityRoom(Struct, frozen=True):
    """From the scheduler to itself: there is room in an activity buffer; register what was refused."""


SchedulerMessage: TypeAlias = (
    SubmitTask
    | RegisterInstance
    | RemoveInstance
    | AttachWorker
    | DetachWorker
    | SetStrategy
    | DescribeQueues
    | ExplainWait
    | ExplainPlacement
    | DescribeActivityRoom
    | RequestPreemption
    | ShutdownAgent
    | ListAgents
    | ReturnTask
    | SuspendTask
    | TaskSettled
    | InstanceWentDown
    | InstanceCameUp
    | PlaceTasks
    | PlaceTasksOf
    | SeekRoom
    | FillActivityRoom
    | TimePassed
    | Resumed
)
