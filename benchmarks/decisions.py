"""How much one scheduler actor decides, in process: submits and ends a second beside a long line, nothing stored."""

from __future__ import annotations

import gc
from collections import deque
from random import Random
from statistics import median
from time import perf_counter, process_time

from actors.addresses import SCHEDULER
from actors.behaviour import Received, Send
from actors.messages.scheduler import RegisterInstance, SchedulerMessage, SubmitTask, TaskSettled
from actors.messages.tasks import IMPLICIT_AGENT, TaskSpec
from actors.scheduler import SchedulerPolicy, scheduler_behaviour
from actors.scheduler.events import TaskBound
from actors.task_lifecycle import TaskState
from benchmarks.figures import Row, Say
from benchmarks.plan import GOALS, MODEL, Plan


class Deciding:
    """A scheduler with its instances busy, and a line of tasks that waits for them."""

    def __init__(self, instances: int, waiting: int) -> None:
        self._behaviour = scheduler_behaviour(SchedulerPolicy())
        self._state = self._behaviour.initial(SCHEDULER.key)
        self._chance = Random(1)
        self._running: deque[str] = deque()
        self._submitted = 0
        self._now = 1_000_000_000.0
        for number in range(instances):
            self._tell(RegisterInstance(f"ti-{number}", "127.0.0.1", 8000 + number, MODEL))
        for _ in range(instances + waiting):
            self.submit()

    @property
    def waiting(self) -> int:
        """Tasks in the line."""
        return len(self._state.tasks) - self._state.running

    def submit(self) -> None:
        """One more task."""
        self._submitted += 1
        spec = TaskSpec(f"task-{self._submitted}", f"{IMPLICIT_AGENT}{MODEL}", MODEL, 0, self._now, "content")
        self._tell(SubmitTask(spec, b"{}", id_is_fresh=True))

    def end(self) -> None:
        """The task that has run for longest is over, which starts the first in line."""
        task_id = self._running.popleft()
        execution_ms = self._chance.lognormvariate(8.0, 0.8)
        self._tell(TaskSettled(task_id, TaskState.COMPLETED, execution_ms))

    def _tell(self, message: SchedulerMessage) -> None:
        self._now += 0.001
        decide, evolve, state = self._behaviour.decide, self._behaviour.evolve, self._state
        told: deque[SchedulerMessage] = deque((message,))
        while told:
            decision = decide(state, Received(told.popleft(), "id", chance=self._chance.random()), self._now)
            for event in decision.events:
                evolve(state, event)
                if isinstance(event, TaskBound):
                    self._running.append(event.task_id)
            for effect in decision.effects:
                if isinstance(effect, Send) and effect.to == SCHEDULER:
                    told.append(effect.message)  # type: ignore[arg-type]


def measure_decisions(plan: Plan, say: Say) -> list[Row]:
    """Submits and ends a second, as many of the one as of the other, so that the line keeps its length."""
    deciding = Deciding(plan.decision_instances, plan.decision_waiting)
    rates, costs = [], []
    for number in range(1 + plan.rounds):
        gc.collect()
        began, used = perf_counter(), process_time()
        for _ in range(plan.decision_pairs):
            deciding.submit()
            deciding.end()
        cost = (process_time() - used) * 1e6 / (2 * plan.decision_pairs)
        rate = 2 * plan.decision_pairs / (perf_counter() - began)
        assert deciding.waiting == plan.decision_waiting, f"{deciding.waiting} tasks wait"
        if number:
            rates.append(rate)
            costs.append(cost)
            say(f"{rate:,.0f} submits and ends/s; processor each: {cost:.0f} µs")
    goal = GOALS["decisions", "in process"]
    line = f"{plan.decision_instances} instances, {plan.decision_waiting:,} waiting"
    note = f"{line}; processor each: {median(costs):.0f} µs"
    measured = median(rates)
    return [Row("decisions", "in process", measured, "/s", goal, goal.is_met_by(measured), rates, None, note)]
