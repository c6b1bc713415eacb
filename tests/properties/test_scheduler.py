"""Random histories of the scheduler alone: every promise after every decision, and its state can be rebuilt from
its events or its snapshot at any point without a difference to what follows."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.messages.answers import (
    InstanceAccepted,
    PlacementExplained,
    Refused,
    ShutdownAnswered,
    TaskAccepted,
    WorkerAttached,
)
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import (
    AttachWorker,
    DetachWorker,
    ExplainPlacement,
    InstanceCameUp,
    InstanceWentDown,
    RegisterInstance,
    RemoveInstance,
    RequestPreemption,
    ReturnTask,
    SchedulerMessage,
    SetStrategy,
    ShutdownAgent,
    SuspendTask,
    TaskSettled,
)
from actors.messages.tasks import Features, Origin
from actors.scheduler import LineRules, PreemptionRules, SchedulerPolicy
from actors.scheduler.order_names import ORDERS
from actors.scheduler.strategies import STRATEGIES
from actors.task_lifecycle import TaskState
from tests.properties import invariants
from tests.unit.scheduling import Scheduling, Told, submit

RULES = PreemptionRules(limit=3, min_run_s=1.0)
POLICY = SchedulerPolicy(
    agent_slots=1, slots_of={"b": 2, "c": 3}, activity_per_agent=2, activity_total=3, preemption=RULES
)
AGENTS, MODELS, PORTS = ("", "", "a", "b", "c", "n"), ("m", "m", "n"), 4
IDS = 9
"""An id is used anew once the task before has ended."""
SCOPES = ("", "", "", "r", "r.a", "r/a.x", "r.b", "s", "r.b, s", "r.x, r.y", "r.x, r.a", "r.y, r.b", "*.a", "*", "t")
ABLE: tuple[tuple[str, ...], ...] = (("preempt",), ("preempt",), ())
FEATURES = (None, None, Features("k"), Features("k", 100.0, 20.0), Features("", max_tokens=50.0))
number = st.integers(0, 7)

ARGUMENTS: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "submit": st.tuples(
        st.sampled_from(AGENTS),
        st.sampled_from(MODELS),
        st.integers(-1, 1),
        st.booleans(),
        st.sampled_from(SCOPES),
        st.sampled_from(["", "u", "v"]),
        st.sampled_from([None, None, 500, 700_000]),
    ),
    "settle": st.tuples(number, st.sampled_from([None, 10.0, 2000.0])),
    "end": st.tuples(number, st.sampled_from([None, 10.0, 2000.0])),
    "fail": st.tuples(number, st.sampled_from([0.0, 0.0, 1.5])),
    "give_way": st.tuples(number),
    "ask": st.tuples(number),
    "register": st.tuples(st.integers(1, PORTS), st.sampled_from(MODELS), st.integers(1, 3), st.sampled_from(ABLE)),
    "remove": st.tuples(number),
    "down": st.tuples(number),
    "up": st.tuples(number),
    "strategy": st.tuples(st.sampled_from(list(STRATEGIES)), st.sampled_from(("", *MODELS))),
    "order": st.tuples(st.sampled_from(ORDERS), st.sampled_from(("", *MODELS))),
    "wait": st.tuples(st.sampled_from([0.5, 2.0, 2.0, -3.0])),
    "repeat": st.tuples(number, st.booleans()),
    "stale": st.tuples(number),
    "close": st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([30.0, 0.0, 60.0])),
    "attach": st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 2), st.integers(1, 2), st.booleans()),
    "detach": st.tuples(st.integers(1, 2)),
    "explain": st.tuples(number),
    "rebuild": st.tuples(),
    "resume": st.tuples(),
}
OFTEN = {"submit": 14, "settle": 9, "fail": 3, "give_way": 5, "register": 2, "up": 2, "wait": 2}
"""Coming and going is most of what happens, else there are no lines; the others count once."""

step = st.sampled_from([name for name in ARGUMENTS for _ in range(OFTEN.get(name, 1))]).flatmap(
    lambda name: ARGUMENTS[name].map(lambda arguments: (name, *arguments))
)
histories = st.sampled_from([0, 30, 30, 30]).flatmap(lambda least: st.lists(step, min_size=least, max_size=least + 30))
"""Short histories too, because they are what a failure is shrunk to."""


class History:
    """A scheduler under watch and, from the first `rebuild` on, a twin from a snapshot that hears the same."""

    def __init__(self, aging_s: float = 0.0) -> None:
        policy = replace(POLICY, lines=LineRules(aging_s=aging_s, aging_to=0))
        self.one = Scheduling(policy, watch=invariants.watch)
        self.twin: Scheduling | None = None
        self.count = 0
        self.open: set[str] = set()

    def run(self, name: str, *args: Any) -> None:
        """One step; steps that have nothing to act on do nothing."""
        getattr(self, f"_{name}")(*args)

    def tell(self, message: SchedulerMessage, chance: float = 0.3) -> Told:
        """Tell it to both, and compare what they make of it."""
        told = self.one.tell(message, chance=chance)
        invariants.check_quiet(self.one.state)
        if self.twin is not None:
            assert self.twin.tell(message, chance=chance) == told
        return told

    def _submit(
        self,
        agent: str,
        model: str,
        priority: int,
        grpc: bool,
        scope: str = "",
        user: str = "",
        deadline_ms: int | None = None,
    ) -> None:
        self.count += 1
        origin: Origin = "grpc" if grpc else "rest"
        name = f"t{self.count % IDS}"
        message = submit(
            name if name not in self.open else f"t{self.count}x",
            agent=agent,
            model=model,
            priority=priority,
            origin=origin,
            scope=scope,
            features=FEATURES[self.count % len(FEATURES)],
            user=user,
            deadline_ms=deadline_ms,
        )
        answer = self.tell(message, chance=(self.count % 10) / 10).answer
        if isinstance(answer, TaskAccepted):
            self.open.add(answer.task_id)
        else:
            assert isinstance(answer, Refused)
        assert self.one.state.tasks.keys() == self.open

    def _settle(self, pick: int, execution_ms: float | None) -> None:
        if running := sorted(self.one.running()):
            self._close_task(running[pick % len(running)], execution_ms)

    def _end(self, pick: int, execution_ms: float | None) -> None:
        if self.open:
            self._close_task(sorted(self.open)[pick % len(self.open)], execution_ms)

    def _close_task(self, task_id: str, execution_ms: float | None) -> None:
        self.tell(TaskSettled(task_id, TaskState.COMPLETED, execution_ms))
        self.open.discard(task_id)
        assert self.one.state.tasks.keys() == self.open

    def _fail(self, pick: int, delay_s: float) -> None:
        if running := sorted(self.one.running()):
            entry = self.one.state.tasks[running[pick % len(running)]]
            self.tell(ReturnTask(entry.spec.task_id, entry.attempt + 1, entry.ti_uuid, delay_s, "refused"))

    def _give_way(self, pick: int) -> None:
        """One that was asked to, where there is any, else one that does by itself."""
        running = sorted(self.one.running())
        asked = [task_id for task_id in running if self.one.state.tasks[task_id].gives_way]
        if running:
            entry = self.one.state.tasks[(asked or running)[pick % len(asked or running)]]
            self.tell(SuspendTask(entry.spec.task_id, entry.attempt, entry.resumption, "asked to"))

    def _ask(self, pick: int) -> None:
        if self.open:
            entry = self.one.state.tasks[sorted(self.open)[pick % len(self.open)]]
            self.tell(RequestPreemption(entry.spec.agent_id, entry.spec.task_id, "why not"))

    def _register(self, port: int, model: str, capacity: int, capabilities: tuple[str, ...] = ()) -> None:
        self.count += 1
        name = f"i{self.count}"
        message = RegisterInstance(name, "host", port, model, capacity, capabilities=capabilities)
        answer = self.tell(message).answer
        assert isinstance(answer, InstanceAccepted)

    def _remove(self, pick: int) -> None:
        instance = self.one.state.instances.get(self._instance(pick))
        self.tell(RemoveInstance("host", instance.port if instance else 1))

    def _instance(self, pick: int) -> str:
        instances = list(self.one.state.instances)
        return instances[pick % len(instances)] if instances else "stranger"

    def _down(self, pick: int) -> None:
        self.tell(InstanceWentDown(self._instance(pick), "no answer"))

    def _up(self, pick: int) -> None:
        self.tell(InstanceCameUp(self._instance(pick)))

    def _strategy(self, name: str, model: str) -> None:
        self.tell(SetStrategy(name, model))

    def _order(self, name: str, model: str) -> None:
        self.tell(SetStrategy("", model, name))

    def _wait(self, seconds: float) -> None:
        for each in (self.one, self.twin):
            if each is not None:
                each.now += seconds
        self.tell(TimePassed())
        while (due := self.one.behaviour.next_due(self.one.state)) is not None and due <= self.one.now:
            self.tell(TimePassed())

    def _repeat(self, pick: int, same: bool) -> None:
        if self.open:
            spec = self.one.state.tasks[sorted(self.open)[pick % len(self.open)]].spec
            told = self.tell(submit(spec.task_id, digest=spec.digest if same else "other"))
            assert not told.events
            assert isinstance(told.answer, TaskAccepted if same else Refused)

    def _stale(self, pick: int) -> None:
        """Word of attempts, tasks and agents that are not what they were."""
        self.tell(TaskSettled("stranger", TaskState.FAILED))
        if self.open:
            entry = self.one.state.tasks[sorted(self.open)[pick % len(self.open)]]
            assert not self.tell(ReturnTask(entry.spec.task_id, entry.attempt, "i1", 0.0, "late")).events
            assert not self.tell(RequestPreemption("somebody", entry.spec.task_id)).events
            assert not self.tell(SuspendTask(entry.spec.task_id, entry.attempt, entry.resumption + 1, "late")).events

    def _close(self, agent: str, grace_s: float) -> None:
        told = self.tell(ShutdownAgent(agent, grace_s))
        assert told.answer == ShutdownAnswered(ok=True)
        assert self.one.state.agents[agent].closed

    def _attach(self, agent: str, worker: int, capacity: int, is_new: bool) -> None:
        """A worker comes: another process than before, or the same once more."""
        self.count += is_new
        process = f"p{worker}-{self.count}"
        before = self.one.state.agents.get(agent)
        told_to_leave = before is not None and before.closed and process in before.dismissed
        told = self.tell(AttachWorker(f"w{self.count}-{worker}", f"worker-{worker}", agent, capacity, process))
        assert isinstance(told.answer, WorkerAttached)
        after = self.one.state.agents.get(agent)
        assert (after is not None and after.closed) == told_to_leave

    def _detach(self, worker: int) -> None:
        self.tell(DetachWorker(f"worker-{worker}"))

    def _explain(self, pick: int) -> None:
        """What is said of each candidate can be true."""
        if self.open:
            said = self.tell(ExplainPlacement(sorted(self.open)[pick % len(self.open)])).answer
            assert isinstance(said, PlacementExplained)
            for candidate in said.candidates:
                assert min(candidate.running, candidate.waiting) >= 0
                assert candidate.execution_ms > 0.0
                done = (candidate.completion_ms, candidate.completion_error_ms, candidate.completion_q95_ms)
                assert all(number is None or 0.0 <= number < inf for number in done)

    def _resume(self) -> None:
        assert not self.tell(Resumed()).events

    def _rebuild(self) -> None:
        self.twin = self.one.copy()
        assert self.twin.dumped() == self.one.dumped()
        invariants.check(self.twin.state)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(STRATEGIES)), st.sampled_from(ORDERS), st.sampled_from([0.0, 0.0, 2.0]), histories)
def test_every_promise_holds_after_every_decision(
    strategy: str, order: str, aging_s: float, steps: list[tuple[Any, ...]]
) -> None:
    history = History(aging_s)
    for name, *args in [
        ("strategy", strategy, ""),
        ("order", order, ""),
        ("register", 1, "m", 2, ("preempt",)),
        ("register", 2, "m", 1),
        *steps,
    ]:
        history.run(name, *args)
    replayed = history.one.replayed()
    assert replayed.dumped() == history.one.dumped()
    history.twin = replayed
    ending: list[tuple[Any, ...]] = [
        ("submit", "", "m", 0, True),
        ("settle", 0, 5.0),
        ("give_way", 0),
        ("wait", 2.0),
        ("settle", 1, None),
    ]
    for name, *args in ending:
        history.run(name, *args)


@settings(max_examples=30, deadline=None)
@given(histories)
def test_with_instances_up_and_attempts_succeeding_every_line_runs_empty(steps: list[tuple[Any, ...]]) -> None:
    history = History()
    for name, *args in steps:
        if name != "close":
            history.run(name, *args)
    for port, model in enumerate(sorted({*MODELS, *AGENTS}), start=1):
        history.run("register", port, model or "m", 1)
    for number in range(len(history.one.state.instances)):
        history.run("up", number)
    history.run("wait", 10.0)
    while history.open:
        running = history.one.running()
        assert running, f"{sorted(history.open)} wait, and nothing runs"
        for task_id in sorted(running):
            history._close_task(task_id, 1.0)
