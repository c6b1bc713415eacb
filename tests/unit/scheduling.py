"""A scheduler without an event loop: tell it something, and see what it remembered and what it told the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from actors.addresses import SCHEDULER, Address
from actors.behaviour import Keep, Recalled, Received, Reply, Send, Warn
from actors.errands import Errand
from actors.messages import Answer, Message
from actors.messages.agent import RunTask
from actors.messages.answers import QueueOfInstance, QueuesDescribed
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import (
    DescribeQueues,
    FillActivityRoom,
    InstanceCameUp,
    InstanceWentDown,
    PlaceTasks,
    PlaceTasksOf,
    RegisterInstance,
    RemoveInstance,
    ReturnTask,
    SchedulerMessage,
    SeekRoom,
    SubmitTask,
    SuspendTask,
    TaskSettled,
)
from actors.messages.tasks import Features, Origin, TaskSpec
from actors.scheduler import SchedulerPolicy, SchedulerState, scheduler_behaviour
from actors.scheduler.events import SchedulerEvent, TaskBound
from actors.task_lifecycle import TaskState

T = TypeVar("T")


@dataclass(slots=True)
class Told:
    """All that came of one message, notes to itself followed to their end."""

    events: list[SchedulerEvent] = field(default_factory=list)
    effects: list[Send | Reply | Keep | Warn | Errand] = field(default_factory=list)

    def of(self, kind: type[T]) -> list[T]:
        """The events of this type."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def answer(self) -> Answer:
        """The one answer given."""
        [reply] = [effect for effect in self.effects if isinstance(effect, Reply)]
        return reply.answer

    @property
    def sent(self) -> list[tuple[Address, Message]]:
        """What other actors were told, in order."""
        return [(effect.to, effect.message) for effect in self.effects if isinstance(effect, Send)]

    @property
    def bound(self) -> list[tuple[str, str]]:
        """Which task was given to which instance, in order."""
        return [(event.task_id, event.ti_uuid) for event in self.of(TaskBound)]

    @property
    def runs(self) -> list[str]:
        """The tasks that agents were told to run, in order."""
        return [message.spec.task_id for _, message in self.sent if isinstance(message, RunTask)]


class Scheduling:
    """One scheduler and its clock (Unix seconds). `watch` sees the state before and after every single decision."""

    def __init__(
        self,
        policy: SchedulerPolicy | None = None,
        watch: Callable[[SchedulerState, list[SchedulerEvent], Callable[[], None]], None] | None = None,
    ) -> None:
        self.behaviour = scheduler_behaviour(policy or SchedulerPolicy())
        self.state = self.behaviour.initial("one")
        self.now = 1000.0
        self.history: list[SchedulerEvent] = []
        self._watch = watch

    def tell(self, message: SchedulerMessage, *, chance: float = 0.0, recalled: Recalled | None = None) -> Told:
        """Decide and evolve, also what the scheduler then tells itself."""
        told = Told()
        waiting: list[SchedulerMessage] = [message]
        while waiting:
            received = Received(waiting.pop(0), "id", chance=chance, recalled=recalled)
            decision = self.behaviour.decide(self.state, received, self.now)
            self._evolve(list(decision.events))
            told.events += decision.events
            for effect in decision.effects:
                if isinstance(effect, Send) and effect.to == SCHEDULER:
                    assert isinstance(effect.message, PlaceTasks | PlaceTasksOf | SeekRoom | FillActivityRoom)
                    waiting.append(effect.message)
                else:
                    told.effects.append(effect)
        return told

    def copy(self) -> Scheduling:
        """Another with the same state, by way of its snapshot as stored."""
        other = Scheduling()
        other.behaviour, other.now = self.behaviour, self.now
        other.state = self.behaviour.load("one", msgspec.json.decode(self.dumped(), type=self.behaviour.snapshot_type))
        return other

    def dumped(self) -> bytes:
        """The state as a snapshot stores it."""
        return msgspec.json.encode(self.behaviour.dump(self.state))

    def replayed(self) -> Scheduling:
        """Another with the same state, by way of its events."""
        other = Scheduling()
        other.behaviour, other.now = self.behaviour, self.now
        other.state = self.behaviour.initial("one")
        for event in self.history:
            self.behaviour.evolve(other.state, event)
        return other

    def register(
        self,
        ti_uuid: str,
        model: str = "m",
        capacity: int = 1,
        port: int | None = None,
        capabilities: tuple[str, ...] = (),
    ) -> Told:
        """An instance `ti_uuid` comes, at a port that follows from its name unless given."""
        at = port or port_of(ti_uuid)
        return self.tell(RegisterInstance(ti_uuid, "host", at, model, capacity, capabilities=capabilities))

    def remove(self, ti_uuid: str) -> Told:
        """Somebody takes the instance out."""
        instance = self.state.instances[ti_uuid]
        return self.tell(RemoveInstance(instance.host, instance.port))

    def down(self, ti_uuid: str) -> Told:
        """The instance no longer answers."""
        return self.tell(InstanceWentDown(ti_uuid, "no answer"))

    def up(self, ti_uuid: str) -> Told:
        """The instance answers again."""
        return self.tell(InstanceCameUp(ti_uuid))

    def pass_time(self, seconds: float) -> Told:
        """Let time pass, and wake the scheduler where it wanted that."""
        self.now += seconds
        due = self.behaviour.next_due(self.state)
        return self.tell(TimePassed()) if due is not None and due <= self.now else Told()

    def settle(self, task_id: str, execution_ms: float | None = None) -> Told:
        """A task ends well."""
        return self.tell(TaskSettled(task_id, TaskState.COMPLETED, execution_ms))

    def give_back(self, task_id: str, delay_s: float = 0.0) -> Told:
        """The current attempt of a running task fails."""
        entry = self.state.tasks[task_id]
        return self.tell(ReturnTask(task_id, entry.attempt + 1, entry.ti_uuid, delay_s, "refused"))

    def give_way(self, task_id: str) -> Told:
        """The run of a running task has yielded."""
        entry = self.state.tasks[task_id]
        return self.tell(SuspendTask(task_id, entry.attempt, entry.resumption, "asked to"))

    def running(self) -> dict[str, str]:
        """The instance of each running task."""
        return {task_id: entry.ti_uuid for task_id, entry in self.state.tasks.items() if entry.ti_uuid}

    def tentative(self, task_id: str) -> str:
        """The instance that a waiting task is meant for."""
        return self.state.tasks[task_id].tentative

    def queues(self, model: str = "") -> dict[str, QueueOfInstance]:
        """What `/queue/info` would show, by instance."""
        described = self.tell(DescribeQueues(model)).answer
        assert isinstance(described, QueuesDescribed)
        return {queue.ti_uuid: queue for queue in described.queues}

    def _evolve(self, events: list[SchedulerEvent]) -> None:
        def apply() -> None:
            for event in events:
                self.behaviour.evolve(self.state, event)

        self.history += events
        if self._watch is None:
            apply()
        else:
            self._watch(self.state, events, apply)


def port_of(ti_uuid: str) -> int:
    """The port at which `Scheduling.register` puts an instance."""
    return 8000 + int.from_bytes(ti_uuid.encode(), "big") % 50_000


def submit(
    task_id: str,
    *,
    agent: str = "",
    model: str = "m",
    priority: int = 0,
    digest: str = "content",
    origin: Origin = "rest",
    fresh: bool = False,
    scope: str = "",
    features: Features | None = None,
    user: str = "",
    deadline_ms: int | None = None,
) -> SubmitTask:
    """A task of `agent`, or of the agent that stands in for the model. Over gRPC it waits for instances."""
    spec = TaskSpec(
        task_id,
        agent or f"model:{model}",
        model,
        priority,
        999.0,
        digest,
        origin,
        scope,
        features=features,
        user_id=user,
        deadline_ms=deadline_ms,
    )
    return SubmitTask(spec, b"{}", id_is_fresh=fresh, waits_for_instances=origin == "grpc")
