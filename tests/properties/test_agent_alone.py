"""Whatever an agent hears, in whatever order: no task ends twice, loses its end, or is in flight without a deadline.

The state's own promises (`AgentState.check`) are checked after every step by `Driven`.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import AgentEvent, TaskFinished
from actors.agent.preemption_stages import Stage, follow
from actors.behaviour import Decision, Keep, Send
from actors.errands import PostCallback
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    CallbackAnswered,
    ExpectTask,
    PollActivity,
    PreemptTask,
    PurgeActivity,
    RunTask,
    SparePreemption,
    TaskEnded,
    YieldDeferred,
)
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import ReturnTask, SuspendTask, TaskSettled
from actors.messages.tasks import TaskSpec
from tests.driving import Driven

POLICY = AgentPolicy(
    max_attempts=3, run_timeout_s=20, preempt_grace_s=5, terminate_grace_s=1, callback_attempts=2, ended_entries=2
)
TASKS = st.sampled_from([f"t{n}" for n in range(4)])
INSTANCES = st.sampled_from(["ti-1", "ti-2"])
NEAR = st.sampled_from([(0, 0), (0, 0), (0, 0), (-1, 0), (0, -1), (0, 1), (1, 0)])
Run = tuple[int, int]


class AgentHistory(RuleBasedStateMachine):
    """A scheduler that behaves (places what waits, once an attempt), and everybody else at random."""

    @initialize(agent_id=st.sampled_from(["worker-1", "model:m"]))
    def begin(self, agent_id: str) -> None:
        self.agent: Driven[AgentState, AgentMessage, AgentEvent] = Driven(agent_behaviour(POLICY), agent_id)
        self.agent_id = agent_id
        self.to_place: dict[str, Run] = {}
        self.placed: set[str] = set()
        self.settled: Counter[str] = Counter()
        self.stages: dict[str, Stage] = {}
        self.finished: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.posting: set[str] = set()

    def tell(self, message: AgentMessage, after: float = 0.0) -> None:
        self.note(self.agent.tell(message, after=after))

    def note(self, decision: Decision[AgentEvent]) -> None:
        for event in decision.events:
            task_id = getattr(event, "task_id", None)
            if task_id is not None:
                self.stages[task_id] = follow(self.stages.get(task_id, Stage.LOST), event)
        self.finished.update(event.task_id for event in decision.events if isinstance(event, TaskFinished))
        for effect in decision.effects:
            if isinstance(effect, Keep) and effect.part == "result":
                self.kept[effect.task_id] += 1
            if isinstance(effect, PostCallback):
                self.posting.add(effect.task_id)
            if isinstance(effect, Send) and isinstance(effect.message, TaskSettled):
                self.settled[effect.message.task_id] += 1
            if isinstance(effect, Send) and isinstance(effect.message, ReturnTask):
                self.to_place[effect.message.task_id] = (effect.message.attempt, 0)
            if isinstance(effect, Send) and isinstance(effect.message, SuspendTask):
                suspended = effect.message
                self.to_place[suspended.task_id] = (suspended.attempt, suspended.resumption + 1)

    def spec(self, task_id: str) -> TaskSpec:
        url = "http://h/" if task_id in ("t0", "t1") else None
        timeout_ms = 5000 if task_id == "t1" else None
        return TaskSpec(task_id, self.agent_id, "m", 0, 0.0, "d", timeout_ms=timeout_ms, callback_url=url)

    @rule(task_id=TASKS)
    def admit(self, task_id: str) -> None:
        if task_id not in self.placed and task_id not in self.to_place:
            self.to_place[task_id] = (1, 0)
            self.tell(ExpectTask(self.spec(task_id)))

    @precondition(lambda self: self.to_place)
    @rule(data=st.data(), ti=INSTANCES)
    def place(self, data: st.DataObject, ti: str) -> None:
        """Also tasks that ended while they waited: the scheduler may not have heard of it yet."""
        task_id = data.draw(st.sampled_from(sorted(self.to_place)))
        attempt, resumption = self.to_place.pop(task_id)
        self.placed.add(task_id)
        self.tell(RunTask(self.spec(task_id), attempt, ti, resumption=resumption))

    def a_run(self, task_id: str, shift: Run) -> Run:
        """The current run of the task, or one beside it."""
        life = self.agent.state.lives.get(task_id)
        attempt, resumption = (1, 0) if life is None else life.run
        return max(attempt + shift[0], 0), max(resumption + shift[1], 0)

    @rule(task_id=TASKS, shift=NEAR)
    def start(self, task_id: str, shift: Run) -> None:
        self.tell(AttemptStarted(task_id, *self.a_run(task_id, shift)))

    @rule(task_id=TASKS, shift=NEAR, ti=INSTANCES)
    def fail(self, task_id: str, shift: Run, ti: str) -> None:
        attempt, resumption = self.a_run(task_id, shift)
        self.tell(AttemptFailed(task_id, attempt, ti, "why", resumption))

    @rule(task_id=TASKS, shift=NEAR, ti=INSTANCES, is_error=st.booleans(), says=st.booleans())
    def report(self, task_id: str, shift: Run, ti: str, is_error: bool, says: bool) -> None:
        attempt, resumption = self.a_run(task_id, shift) if says else (0, 0)
        self.tell(TaskEnded(task_id, attempt, ti, 1.0, b"{}", is_error, resumption))

    @rule(task_id=TASKS, shift=NEAR, grace_s=st.sampled_from([None, 0.0, 2.0]))
    def preempt(self, task_id: str, shift: Run, grace_s: float | None) -> None:
        self.tell(PreemptTask(task_id, *self.a_run(task_id, shift), "why", grace_s))

    @rule(task_id=TASKS, shift=NEAR)
    def spare(self, task_id: str, shift: Run) -> None:
        self.tell(SparePreemption(task_id, *self.a_run(task_id, shift)))

    @rule(task_id=TASKS, shift=NEAR)
    def defer(self, task_id: str, shift: Run) -> None:
        self.tell(YieldDeferred(task_id, *self.a_run(task_id, shift), "commit", 500.0))

    @rule(task_id=TASKS, shift=NEAR, ti=INSTANCES)
    def give_way(self, task_id: str, shift: Run, ti: str) -> None:
        """What the current run leaves behind is kept, and what any other does is not."""
        run = self.a_run(task_id, shift)
        life = self.agent.state.lives.get(task_id)
        is_current = life is not None and life.is_in_flight and life.run == run
        decision = self.agent.tell(AttemptYielded(task_id, *run, ti, 1.0, b'{"of":%d}' % run[1]))
        self.note(decision)
        kept = [effect.body for effect in decision.effects if isinstance(effect, Keep)]
        assert kept == ([b'{"of":%d}' % run[1]] if is_current else [])

    @rule(after=st.sampled_from([0.0, 1.0, 2.0, 6.0, 21.0]))
    def wait(self, after: float) -> None:
        self.tell(TimePassed(), after=after)

    @precondition(lambda self: self.posting)
    @rule(data=st.data(), delivered=st.booleans())
    def answer_callback(self, data: st.DataObject, delivered: bool) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.posting)))
        self.posting.discard(task_id)
        self.tell(CallbackAnswered(task_id, delivered, ""))

    @rule()
    def look(self) -> None:
        self.tell(PollActivity())

    @rule()
    def purge(self) -> None:
        self.tell(PurgeActivity())

    @rule()
    def restart(self) -> None:
        self.agent.restart()
        self.posting.clear()
        self.tell(Resumed())

    @invariant()
    def each_task_ends_once_and_every_end_is_told(self) -> None:
        if not hasattr(self, "agent"):
            return
        assert self.finished == self.settled
        assert max(self.finished.values(), default=0) <= 1
        assert max(self.kept.values(), default=0) <= 1
        lives = self.agent.state.lives
        for task_id in self.placed:
            assert (task_id in lives) != (self.finished[task_id] == 1), f"{task_id} is neither alive nor ended"
            if task_id in lives and lives[task_id].phase == "waiting":
                assert self.to_place[task_id] == (lives[task_id].attempt + 1, 0), f"{task_id} waits for nobody"
            if task_id in lives and lives[task_id].phase == "suspended":
                attempt, resumption = lives[task_id].run
                assert self.to_place[task_id] == (attempt, resumption + 1), f"{task_id} is resumed by nobody"

    @invariant()
    def callbacks_are_posted_or_due(self) -> None:
        if hasattr(self, "agent"):
            due = {task_id for task_id, _ in self.agent.state.callback_deadlines.items()}
            assert set(self.agent.state.callbacks) == due | self.posting

    def teardown(self) -> None:
        """Left alone with a scheduler that places what waits, every task ends: by its deadlines if by nothing else."""
        if not hasattr(self, "agent"):
            return
        while self.agent.state.lives:
            for task_id in sorted(self.to_place):
                self.placed.add(task_id)
                attempt, resumption = self.to_place.pop(task_id)
                self.tell(RunTask(self.spec(task_id), attempt, "ti-1", resumption=resumption))
            self.tell(TimePassed(), after=21.0)
        self.each_task_ends_once_and_every_end_is_told()


TestAgentHistory = AgentHistory.TestCase
TestAgentHistory.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
