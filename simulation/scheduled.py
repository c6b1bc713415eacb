"""The scheduler actor as a policy of the plant: `decide` and `evolve` as they run in the service, on the virtual clock.

What agents, dispatchers and instances would say is said by the plant: an end is a TaskSettled with the execution time
that the instance would report; a failure is an InstanceWentDown, and a ReturnTask for what ran there.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from actors.addresses import SCHEDULER
from actors.behaviour import Received, Reply, Send
from actors.messages import Answer
from actors.messages.answers import QueuesDescribed, Refused, StrategySet, TaskAccepted
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import (
    DescribeQueues,
    InstanceCameUp,
    InstanceWentDown,
    RegisterInstance,
    ReturnTask,
    SchedulerMessage,
    SetStrategy,
    TaskSettled,
)
from actors.scheduler import SchedulerPolicy, scheduler_behaviour
from actors.scheduler.events import TaskBound
from actors.scheduler.order_names import DEFAULT_ORDER
from actors.task_lifecycle import TaskState
from simulation.plant import Plant, Starts
from simulation.submission import MODEL, submission
from simulation.waits import Expectation

EPOCH_S = 1_000_000_000.0
"""Unix time at which the virtual clock begins."""

RETRY_DELAY_S = 0.5
"""How long a task whose instance went down waits before it may start again, as by the service's settings."""


class Scheduled:
    """One scheduler. `decisions` counts its decisions; `expectations` has what it said of the wait of each job."""

    def __init__(
        self, plant: Plant, strategy: str, seed: int, *, asks_waits: bool = False, order: str = DEFAULT_ORDER
    ) -> None:
        self.decisions = 0
        self.expectations: dict[int, Expectation] = {}
        self._plant = plant
        self._behaviour = scheduler_behaviour(SchedulerPolicy())
        self._state = self._behaviour.initial(SCHEDULER.key)
        self._chance = random.Random(seed).random
        self._attempts: dict[int, int] = {}
        self._asks_waits = asks_waits
        for instance in range(len(plant.speeds)):
            name = _instance_name(instance)
            self._tell(RegisterInstance(name, "127.0.0.1", 8000 + instance, MODEL, plant.fleet.capacity), 0.0)
        _, answer = self._tell(SetStrategy(strategy, order=order), 0.0)
        if not isinstance(answer, StrategySet):
            raise ValueError(answer.reason if isinstance(answer, Refused) else f"{strategy!r}, {order!r}: {answer}")

    def arrived(self, job: int, now: float) -> Starts:
        """It is submitted; before that, if so wished, the scheduler is asked how long the wait is on each instance."""
        described = self._ask(DescribeQueues(MODEL), now) if self._asks_waits else None
        message = submission(_task_name(job), self._plant.jobs[job].request, EPOCH_S + now)
        starts, answer = self._tell(message, now)
        if not isinstance(answer, TaskAccepted):
            raise RuntimeError(f"job {job} was not accepted: {answer}")
        if isinstance(described, QueuesDescribed):
            meant = next(queue for queue in described.queues if queue.ti_uuid == answer.scheduled_ti)
            wait_s, error_s = meant.waiting_time_expect / 1000.0, meant.waiting_time_error / 1000.0
            self.expectations[job] = Expectation(wait_s, error_s)
        return starts

    def ended(self, job: int, instance: int, now: float, execution_s: float) -> Starts:
        """Its instance reports it, and how long it took."""
        return self._tell(TaskSettled(_task_name(job), TaskState.COMPLETED, execution_s * 1000.0), now)[0]

    def changed(self, instance: int, now: float) -> Starts:
        """Whether it answers is noticed; how fast it is shows only in what it reports."""
        known = self._state.instances[_instance_name(instance)].condition
        if known == "up" and not self._plant.is_up[instance]:
            return self._tell(InstanceWentDown(_instance_name(instance), "simulated failure"), now)[0]
        if known == "down" and self._plant.is_up[instance]:
            return self._tell(InstanceCameUp(_instance_name(instance)), now)[0]
        return ()

    def lost(self, job: int, instance: int, now: float) -> Starts:
        """Its agent hands it back."""
        attempt = self._attempts[job] = self._attempts.get(job, 1) + 1
        returned = ReturnTask(_task_name(job), attempt, _instance_name(instance), RETRY_DELAY_S, "simulated failure")
        return self._tell(returned, now)[0]

    def next_due(self) -> float | None:
        """As its state says."""
        due = self._behaviour.next_due(self._state)
        return None if due is None else max(due - EPOCH_S, 0.0)

    def woken(self, now: float) -> Starts:
        """A deadline of its own."""
        return self._tell(TimePassed(), now)[0]

    def _ask(self, message: DescribeQueues, now: float) -> Answer:
        """The answer to a question that changes nothing: no random number is used up, and no decision counted."""
        [reply] = self._behaviour.decide(self._state, Received(message, ""), EPOCH_S + now).effects
        assert isinstance(reply, Reply)
        return reply.answer

    def _tell(self, message: SchedulerMessage, now: float) -> tuple[Starts, Answer | None]:
        """Decide and evolve, also what the scheduler then tells itself, as a turn of the service does."""
        state, decide, evolve = self._state, self._behaviour.decide, self._behaviour.evolve
        starts: list[tuple[int, int]] = []
        answer: Answer | None = None
        waiting: deque[SchedulerMessage] = deque((message,))
        while waiting:
            self.decisions += 1
            decision = decide(state, Received(waiting.popleft(), "", chance=self._chance()), EPOCH_S + now)
            for event in decision.events:
                evolve(state, event)
                if isinstance(event, TaskBound):
                    starts.append((_job_number(event.task_id), _instance_number(event.ti_uuid)))
            for effect in decision.effects:
                if isinstance(effect, Reply):
                    answer = effect.answer
                elif isinstance(effect, Send) and effect.to == SCHEDULER:
                    waiting.append(effect.message)  # type: ignore[arg-type]
        return starts, answer


def policy_for(
    strategy: str, seed: int, *, asks_waits: bool = False, order: str = DEFAULT_ORDER
) -> Callable[[Plant], Scheduled]:
    """A scheduler for whatever plant it is given."""
    return lambda plant: Scheduled(plant, strategy, seed, asks_waits=asks_waits, order=order)


def _task_name(job: int) -> str:
    return f"task-{job}"


def _job_number(task_id: str) -> int:
    return int(task_id[5:])


def _instance_name(instance: int) -> str:
    return f"ti-{instance}"


def _instance_number(ti_uuid: str) -> int:
    return int(ti_uuid[3:])
