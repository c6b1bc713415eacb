"""Whatever happens to an agent: its moves are those of the table, one after the other, and say what is so."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import AgentEvent, AgentMoved, AttemptBegan, AttemptPlaced, TaskFinished
from actors.agent_lifecycle import MOVES, TIMEOUT_CODE
from actors.agent_lifecycle import LifecycleState as S
from actors.behaviour import Decision, Send
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    BeginShutdown,
    ExpectTask,
    ReopenAgent,
    ResourcesChanged,
    RunTask,
    TaskEnded,
)
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import ReturnTask, SuspendTask, TaskSettled
from actors.messages.tasks import TaskSpec
from tests.driving import Driven

POLICY = AgentPolicy(
    max_attempts=2,
    run_timeout_s=50,
    ended_entries=2,
    lifecycle_timeouts={S.INITIALIZING: 6, S.WAITING_RESOURCES: 30, S.SUSPENDED: 40, S.RECOVERING: 12},
)
TASKS = [f"t{n}" for n in range(4)]
pick = st.integers(0, 7)


class LifecycleHistory(RuleBasedStateMachine):
    """A scheduler that behaves, and keeps what waits; workers, instances and clocks at random."""

    @initialize()
    def begin(self) -> None:
        self.agent: Driven[AgentState, AgentMessage, AgentEvent] = Driven(agent_behaviour(POLICY), "worker-1")
        self.waiting: dict[str, tuple[int, int]] = {}
        self.under_way: dict[str, tuple[int, int]] = {}
        self.admitted: set[str] = set()
        self.ended: set[str] = set()
        self.moves: list[AgentMoved] = []
        self.attached = self.up = 0
        self.closed = False
        self.is_hurried = False

    def tell(self, message: AgentMessage, after: float = 0.0) -> None:
        """As a turn does it: what is due by then comes when everything else has been heard."""
        self.note(self.agent.tell(message, after=after))
        if self.is_hurried:
            self.is_hurried = False
            return
        while (standing := self.agent.state.standing) is not None and standing.unsettled_at is not None:
            woken = self.agent.tell(TimePassed())
            assert woken.events, "it wants to be woken, and nothing comes of it"
            self.note(woken)

    def note(self, decision: Decision[AgentEvent]) -> None:
        for event in decision.events:
            if isinstance(event, AgentMoved):
                self.moves.append(event)
            elif isinstance(event, AttemptPlaced | AttemptBegan) and event.agent_moves is not None:
                self.moves.append(AgentMoved(self.moves[-1].after, event.agent_moves, event.at, event.task_id))
            if isinstance(event, TaskFinished):
                self.ended.add(event.task_id)
                self.under_way.pop(event.task_id, None)
                self.waiting.pop(event.task_id, None)
        for effect in decision.effects:
            message = effect.message if isinstance(effect, Send) else None
            if isinstance(message, TaskSettled):
                assert message.task_id in self.ended
            if isinstance(message, ReturnTask):
                self.waiting[message.task_id] = (message.attempt, 0)
                del self.under_way[message.task_id]
            if isinstance(message, SuspendTask):
                self.waiting[message.task_id] = (message.attempt, message.resumption + 1)
                del self.under_way[message.task_id]

    def spec(self, task_id: str) -> TaskSpec:
        return TaskSpec(task_id, "worker-1", "m", 0, 0.0, "d")

    def one_under_way(self, which: int) -> tuple[str, int, int]:
        task_id = sorted(self.under_way)[which % len(self.under_way)]
        return task_id, *self.under_way[task_id]

    @precondition(lambda self: not self.closed)
    @rule(task_id=st.sampled_from(TASKS), has_room=st.booleans(), is_served=st.booleans())
    def admit(self, task_id: str, has_room: bool, is_served: bool) -> None:
        if task_id not in self.admitted:
            self.admitted.add(task_id)
            self.waiting[task_id] = (1, 0)
            self.tell(ExpectTask(self.spec(task_id), has_room, is_served or self.up > 0))

    @precondition(lambda self: self.waiting and not self.closed)
    @rule(which=pick)
    def place(self, which: int) -> None:
        task_id = sorted(self.waiting)[which % len(self.waiting)]
        attempt, resumption = self.under_way[task_id] = self.waiting.pop(task_id)
        self.tell(RunTask(self.spec(task_id), attempt, "ti", True, resumption))

    @precondition(lambda self: self.under_way)
    @rule(which=pick)
    def start(self, which: int) -> None:
        self.tell(AttemptStarted(*self.one_under_way(which)))

    @precondition(lambda self: self.under_way)
    @rule(which=pick)
    def fail(self, which: int) -> None:
        task_id, attempt, resumption = self.one_under_way(which)
        self.tell(AttemptFailed(task_id, attempt, "ti", "why", resumption))

    @precondition(lambda self: self.under_way)
    @rule(which=pick)
    def give_way(self, which: int) -> None:
        self.tell(AttemptYielded(*self.one_under_way(which), "ti", 1.0, b"{}"))

    @precondition(lambda self: self.under_way)
    @rule(which=pick)
    def report(self, which: int) -> None:
        task_id, attempt, resumption = self.one_under_way(which)
        self.tell(TaskEnded(task_id, attempt, "ti", 1.0, b"{}", False, resumption))

    @precondition(lambda self: self.waiting)
    @rule(which=pick)
    def report_late(self, which: int) -> None:
        """Of an attempt that was given up, by an instance that does not say which; the first end counts."""
        task_id = sorted(self.waiting)[which % len(self.waiting)]
        self.tell(TaskEnded(task_id, 0, "ti", 1.0, b"{}"))

    @rule()
    def hurry(self) -> None:
        """The next message and the one after it come in the same turn."""
        self.is_hurried = True

    @rule(attached=st.integers(0, 2), down=st.integers(0, 2), by_models=st.booleans())
    def workers(self, attached: int, down: int, by_models: bool) -> None:
        if self.closed and attached > self.attached:
            self.closed = False
            self.tell(ReopenAgent())
        self.attached, self.up = attached, max(0, attached - down)
        self.tell(ResourcesChanged(self.attached, self.up, self.up > 0 or (by_models and not attached)))

    @rule(grace_s=st.sampled_from([0.0, 0.0, 5.0, 30.0]))
    def shut_down(self, grace_s: float) -> None:
        self.closed = True
        self.tell(BeginShutdown(grace_s))
        if grace_s == 0:
            assert not self.under_way, "what ran was stopped at once"

    @rule(after=st.sampled_from([0.0, 1.0, 7.0, 13.0, 31.0, 51.0]))
    def wait(self, after: float) -> None:
        self.tell(TimePassed(), after=after)

    @rule()
    def restart(self) -> None:
        self.agent.restart()

    @invariant()
    def moves_are_those_of_the_table(self) -> None:
        if not hasattr(self, "agent"):
            return
        before: S | None = None
        for move in self.moves:
            assert move.before is before
            assert move.cause, f"{move} without a cause"
            assert move.after is S.INITIALIZING if before is None else move.after in MOVES[before], move
            assert move.code == (TIMEOUT_CODE[before] if before and move.after is S.FAILED else "")
            before = move.after
        standing = self.agent.state.standing
        assert standing is not None
        assert standing.state is before

    @invariant()
    def the_state_says_what_is_so(self) -> None:
        if not hasattr(self, "agent") or not self.moves:
            return
        if self.agent.state.standing is None or self.agent.state.standing.unsettled_at is not None:
            return
        state, runs = self.moves[-1].after, bool(self.under_way)
        phases = {life.phase for life in self.agent.state.lives.values()}
        if self.closed:
            assert state in (S.SHUTTING_DOWN, S.COMPLETED, S.FAILED)
            assert state is S.SHUTTING_DOWN or not runs, f"{state}, and {self.under_way} run"
            return
        assert (state is S.RUNNING) == ("running" in phases)
        assert (state in (S.SCHEDULED, S.RESUMED)) == ("placed" in phases and "running" not in phases)
        assert state is not S.SHUTTING_DOWN
        if state is S.SUSPENDED:
            assert "suspended" in phases
        if state in (S.WAITING, S.WAITING_RESOURCES):
            assert self.waiting
        if state in (S.RUNNABLE, S.COMPLETED):
            assert not self.waiting
        if state is S.RECOVERING:
            assert self.attached > 0 == self.up
        standing = self.agent.state.standing
        assert standing is not None
        timed = state in POLICY.lifecycle_timeouts
        assert (standing.due is not None) == timed

    @invariant()
    def no_task_is_lost(self) -> None:
        if hasattr(self, "agent"):
            assert self.admitted == self.ended | self.under_way.keys() | self.waiting.keys()

    def teardown(self) -> None:
        """An agent that is told nothing more comes to a state that it may stay in."""
        if not hasattr(self, "agent"):
            return
        for _ in range(20):
            if self.agent.due is not None:
                self.tell(TimePassed(), after=max(0.0, self.agent.due - self.agent.now))
        self.moves_are_those_of_the_table()
        if self.moves:
            assert self.moves[-1].after not in TIMEOUT_CODE


TestLifecycleHistory = LifecycleHistory.TestCase
TestLifecycleHistory.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
