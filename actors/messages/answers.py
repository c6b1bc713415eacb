"""Answers to those who asked: the gateway, or an AMQP producer with `reply_to`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from actors.agent_lifecycle import LifecycleState
from actors.messages.tasks import Activity


class TaskAccepted(Struct, frozen=True):
    """The task is recorded. `scheduled_ti` is its instance, tentative while it waits, "" where none serves it yet.

    `reason` says what it waits for, "" where it waits for nothing in particular.
    """

    task_id: str
    scheduled_ti: str
    reason: str = ""


RefusalCode: TypeAlias = Literal["no_instances", "conflict", "shutting_down", "not_found", "invalid"]


class Refused(Struct, frozen=True):
    """The request was understood and is not done; nothing changed."""

    code: RefusalCode
    reason: str


class InstanceAccepted(Struct, frozen=True):
    """The instance is registered under this id."""

    ti_uuid: str
    model_name: str


class InstanceRemoval(Struct, frozen=True):
    """The instance that was taken out, or None where none is registered at that host and port."""

    ti_uuid: str | None


class StrategySet(Struct, frozen=True):
    """The strategy now in force, and the order of the line."""

    name: str
    model_name: str
    order: str = ""


InstanceCondition: TypeAlias = Literal["up", "down", "draining"]


class QueueOfInstance(Struct, frozen=True):
    """One instance and what a task submitted now would meet there. Times in milliseconds."""

    model_name: str
    ti_uuid: str
    waiting_time_expect: float
    waiting_time_error: float
    host: str
    port: int
    condition: InstanceCondition
    capacity: int
    running: int
    waiting: int


class QueuesDescribed(Struct, frozen=True):
    """All instances asked for, with the strategy and the order in force and totals of the scheduler.

    `own_strategies` are the users' own that are configured, `strategy_faults` the wrong answers that these have given.
    """

    queues: tuple[QueueOfInstance, ...]
    strategy: str
    waiting_total: int
    running_total: int
    order: str = ""
    own_strategies: tuple[str, ...] = ()
    strategy_faults: int = 0


class WaitExplained(Struct, frozen=True):
    """What the task waits for, in words; "" where it does not wait."""

    reason: str


class CandidateExplained(Struct, frozen=True):
    """An instance as it was when a task was placed. Times in ms, as expected then; None where they did not count.

    `score` is what the strategy went by, the least being best; None where there is none, or it was passed over.
    `running` and `waiting` do not count the task itself.
    """

    ti_uuid: str
    host: str
    port: int
    condition: InstanceCondition
    capacity: int
    running: int
    waiting: int
    could_be_chosen: bool
    execution_ms: float
    completion_ms: float | None
    completion_error_ms: float | None
    completion_q95_ms: float | None
    score: float | None


class PlacementExplained(Struct, frozen=True):
    """Why a task started where it did, or waits; "unknown" where nothing is remembered of it.

    `chosen` and `meant` are ti_uuids: where it started, and what the strategy gave it when it was admitted. `unit` is
    what the strategy's scores are. `at` is Unix seconds.
    """

    task_id: str
    status: Literal["waiting", "started", "unknown"]
    why: str = ""
    chosen: str = ""
    meant: str = ""
    strategy: str = ""
    unit: str = ""
    at: float = 0.0
    candidates: tuple[CandidateExplained, ...] = ()


class PreemptionAnswered(Struct, frozen=True):
    """Whether the preemption request was queued (SW4RM)."""

    enqueued: bool


class ShutdownAnswered(Struct, frozen=True):
    """Whether the shutdown request was accepted (SW4RM)."""

    ok: bool


class AgentDescribed(Struct, frozen=True):
    """How an agent is, by its own word; `state` is None where it was never heard of. Times are Unix seconds.

    `code` says why it has failed. At `due` it will have been in this state for too long. `under_way` counts the tasks
    on an instance or on their way there. `closed`: it takes no tasks; until `shutdown_due` what runs may finish.
    """

    state: LifecycleState | None = None
    since: float = 0.0
    cause: str = ""
    code: str = ""
    due: float | None = None
    under_way: int = 0
    waiting: int = 0
    closed: bool = False
    shutdown_due: float | None = None


class WorkerOfAgent(Struct, frozen=True):
    """A worker that is attached as an agent."""

    worker_id: str
    ti_uuid: str
    condition: InstanceCondition
    capacity: int
    running: int


class AgentResources(Struct, frozen=True):
    """What the scheduler knows of an agent: how many tasks it may run at once, and the workers it has."""

    agent_id: str
    slots: int
    closed: bool
    workers: tuple[WorkerOfAgent, ...]


class AgentsListed(Struct, frozen=True):
    """Agents that have a task, a worker or a shutdown, by their ids. `more`: others come after them."""

    agents: tuple[AgentResources, ...]
    more: bool = False


class ActivityEntry(Struct, frozen=True):
    """One line of an activity buffer; `timestamp` is Unix seconds of its last change, `progress` from 0 to 1."""

    task_id: str
    activity: Activity
    timestamp: float
    ended: bool = False
    progress: float | None = None


class ActivityListed(Struct, frozen=True):
    """The activity buffer of one agent, oldest first.

    `refused` counts the registrations that were ever refused because there was no room; `without_entry` are
    the tasks that still have none: they get one when room comes free.
    """

    entries: tuple[ActivityEntry, ...]
    refused: int = 0
    without_entry: tuple[str, ...] = ()


class ActivityPurged(Struct, frozen=True):
    """How many entries were forgotten."""

    purged: int


class ActivityRoomDescribed(Struct, frozen=True):
    """How full the activity buffers of all agents are together.

    `refused` counts the registrations that were ever refused, `without_entry` the tasks that still have none.
    `nearly_full` says for how many agents a warning is in force, and `total_nearly_full` for all together.
    """

    entries: int
    per_agent: int
    total: int
    refused: int
    without_entry: int
    nearly_full: int
    total_nearly_full: bool


class ReportAnswered(Struct, frozen=True):
    """The report was taken in. `counted` is False for a repeat or a late report of an earlier attempt."""

    task_id: str
    counted: bool


class WorkerAttached(Struct, frozen=True):
    """The worker gets tasks of its agent from now on; the agent runs at most `slots` at once, on all its workers."""

    ti_uuid: str
    agent_id: str
    slots: int


class TaskTaken(Struct, frozen=True):
    """From a worker: it runs this attempt, or has run it."""

    task_id: str
    attempt: int


class YieldNoted(Struct, frozen=True):
    """From a worker: it knows that this run has to give way.

    `is_held` is False where it has no such run (any more). While the run is inside `section`, it cannot give way for at
    most `deferred_ms`.
    """

    task_id: str
    attempt: int
    resumption: int
    is_held: bool
    section: str = ""
    deferred_ms: float = 0.0


class TaskStopped(Struct, frozen=True):
    """From a worker: it was told to stop this attempt. `was_held` is False where it had no such attempt."""

    task_id: str
    attempt: int
    was_held: bool


class WorkerAlive(Struct, frozen=True):
    """From a worker: it is there, its process since `uptime_s` seconds."""

    uptime_s: float
    running: int


class WorkerLeaving(Struct, frozen=True):
    """From a worker: it goes once it has finished what it runs."""

    running: int


Answer: TypeAlias = (
    TaskAccepted
    | Refused
    | InstanceAccepted
    | InstanceRemoval
    | StrategySet
    | QueuesDescribed
    | WaitExplained
    | PlacementExplained
    | PreemptionAnswered
    | ShutdownAnswered
    | AgentDescribed
    | AgentsListed
    | ActivityListed
    | ActivityPurged
    | ActivityRoomDescribed
    | ReportAnswered
    | WorkerAttached
    | TaskTaken
    | YieldNoted
    | TaskStopped
    | WorkerAlive
    | WorkerLeaving
)
