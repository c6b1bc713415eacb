"""Whatever a dispatcher hears, in whatever order: each flight ends in exactly one word to its agent.

The state's own promises (`DispatcherState.check`) are checked after every step by `Driven`.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.addresses import SCHEDULER
from actors.behaviour import Decision, Send
from actors.dispatcher import DispatcherEvent, DispatcherPolicy, DispatcherState, dispatcher_behaviour
from actors.dispatcher.events import FlightDropped, ProbeSent
from actors.errands import ProbeInstance, PushToInstance, YieldOnInstance
from actors.messages.agent import AttemptFailed, AttemptYielded, TaskEnded
from actors.messages.dispatcher import (
    AskToYield,
    AttendInstance,
    DispatcherMessage,
    DropTask,
    ProbeAnswered,
    PushAnswered,
    PushOutcome,
    PushTask,
    ReleaseInstance,
    Report,
    ReportYield,
    YieldAnswered,
    YieldOutcome,
)
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import InstanceCameUp, InstanceWentDown
from tests.driving import Driven

POLICY = DispatcherPolicy(push_retries=1, hold_s=3, silence_s=10)
TASKS = st.sampled_from(["t0", "t1", "t2"])
OUTCOMES: st.SearchStrategy[PushOutcome] = st.sampled_from(["accepted", "refused", "unreachable", "unknown"])
YIELDS: st.SearchStrategy[YieldOutcome] = st.sampled_from(["yielded", "noted", "gone", "unheard"])
Run = tuple[int, int]
Flight = tuple[str, int, int]


class DispatcherHistory(RuleBasedStateMachine):
    """Agents that push each attempt once, a courier that answers each errand once, an instance at random."""

    @initialize()
    def begin(self) -> None:
        self.dispatcher: Driven[DispatcherState, DispatcherMessage, DispatcherEvent] = Driven(
            dispatcher_behaviour(POLICY), "ti"
        )
        self.runs: dict[str, Run] = {}
        self.yielded: set[Flight] = set()
        self.open: set[Flight] = set()
        self.ended: Counter[Flight] = Counter()
        self.pushes: Counter[Flight] = Counter()
        self.asks: list[YieldOnInstance] = []
        self.probes: list[float] = []
        self.told_up = True

    def tell(self, message: DispatcherMessage, after: float = 0.0, chance: float = 0.5) -> None:
        self.note(self.dispatcher.tell(message, after=after, chance=chance))

    def note(self, decision: Decision[DispatcherEvent]) -> None:
        for event in decision.events:
            if isinstance(event, FlightDropped):
                self.ended[event.task_id, *self.runs[event.task_id]] += 1
        for effect in decision.effects:
            if isinstance(effect, PushToInstance):
                self.pushes[effect.task_id, effect.attempt, effect.resumption] += 1
            if isinstance(effect, YieldOnInstance):
                self.asks.append(effect)
            if isinstance(effect, ProbeInstance):
                self.probes.append(self.dispatcher.now)
            if isinstance(effect, Send):
                self.note_sent(effect)
        assert sum(isinstance(event, ProbeSent) for event in decision.events) == sum(
            isinstance(effect, ProbeInstance) for effect in decision.effects
        )

    def note_sent(self, effect: Send) -> None:
        message = effect.message
        if isinstance(message, AttemptFailed):
            self.ended[message.task_id, message.attempt, message.resumption] += 1
        if isinstance(message, AttemptYielded):
            flight = (message.task_id, message.attempt, message.resumption)
            self.ended[flight] += 1
            self.yielded.add(flight)
        if isinstance(message, TaskEnded):
            flight = (message.task_id, message.attempt, message.resumption)
            if flight in self.open and not self.ended[flight]:
                self.ended[flight] += 1
        if isinstance(message, InstanceWentDown | InstanceCameUp):
            assert effect.to == SCHEDULER
            assert self.told_up or isinstance(message, InstanceCameUp), "went down twice"
            self.told_up = isinstance(message, InstanceCameUp)

    @rule(capabilities=st.sampled_from([(), ("cancel",), ("cancel", "preempt"), ("preempt",)]))
    def attend(self, capabilities: tuple[str, ...]) -> None:
        self.tell(AttendInstance("ti", "h", 1, "m", 1, "submit", capabilities))

    @rule()
    def release(self) -> None:
        self.tell(ReleaseInstance())
        self.told_up = True

    @rule(task_id=TASKS)
    def push(self, task_id: str) -> None:
        """As an agent does: the next run only once the one before is over, the next attempt unless that has yielded."""
        attempt, resumption = self.runs.get(task_id, (0, 0))
        if attempt and not self.ended[task_id, attempt, resumption]:
            return
        run = (attempt, resumption + 1) if (task_id, attempt, resumption) in self.yielded else (attempt + 1, 0)
        self.runs[task_id] = run
        self.open.add((task_id, *run))
        self.tell(PushTask(task_id, run[0], "a", run[1]))

    @precondition(lambda self: +self.pushes)
    @rule(data=st.data(), outcome=OUTCOMES)
    def answer_push(self, data: st.DataObject, outcome: PushOutcome) -> None:
        task_id, attempt, resumption = data.draw(st.sampled_from(sorted(+self.pushes)))
        self.pushes[task_id, attempt, resumption] -= 1
        self.tell(PushAnswered(task_id, attempt, outcome, "why", resumption=resumption))

    @rule(task_id=TASKS, stale=st.booleans(), terminate=st.booleans())
    def ask(self, task_id: str, stale: bool, terminate: bool) -> None:
        attempt, resumption = self.runs.get(task_id, (1, 0))
        self.tell(AskToYield(task_id, attempt, resumption + stale, "why", 100, terminate))

    @precondition(lambda self: self.asks)
    @rule(outcome=YIELDS, deferred_ms=st.sampled_from([0.0, 50.0]))
    def answer_ask(self, outcome: YieldOutcome, deferred_ms: float) -> None:
        ask = self.asks.pop(0)
        flight = self.dispatcher.state.flights.get(ask.task_id)
        is_current = flight is not None and flight.run == (ask.attempt, ask.resumption)
        run = (ask.task_id, ask.attempt, ask.resumption)
        decision = self.dispatcher.tell(YieldAnswered(*run, outcome, b"{}", 1.0, "s", deferred_ms))
        self.note(decision)
        assert is_current or decision == Decision(), "word of a run that is over changes nothing"

    @rule(task_id=TASKS, late=st.integers(0, 1))
    def report_yield(self, task_id: str, late: int) -> None:
        attempt, resumption = self.runs.get(task_id, (1, 0))
        self.tell(ReportYield(task_id, attempt, max(resumption - late, 0), "a", "", 1.0, b"{}"))

    @precondition(lambda self: self.probes)
    @rule(alive=st.booleans(), uptime_s=st.none() | st.sampled_from([0.0, 5.0, 500.0]))
    def answer_probe(self, alive: bool, uptime_s: float | None) -> None:
        self.probes.pop(0)
        self.tell(ProbeAnswered(alive, "why", uptime_s))

    @rule(task_id=TASKS, late=st.integers(0, 1))
    def report(self, task_id: str, late: int) -> None:
        attempt, resumption = self.runs.get(task_id, (1, 0))
        self.tell(Report(task_id, max(attempt - late, 1), "a", "", 1.0, b"{}", resumption=resumption))

    @rule(task_id=TASKS)
    def drop(self, task_id: str) -> None:
        attempt, resumption = self.runs.get(task_id, (1, 0))
        self.tell(DropTask(task_id, attempt, "why", resumption))

    @rule(after=st.sampled_from([0.0, 0.5, 3.0, 6.0]), chance=st.sampled_from([0.0, 0.99]))
    def wait(self, after: float, chance: float) -> None:
        """Errands that time out are answered by then, as the courier promises of probes."""
        for sent_at in list(self.probes):
            if sent_at + POLICY.probe_timeout_s <= self.dispatcher.now + after:
                self.answer_probe_dead()
        self.tell(TimePassed(), after=after, chance=chance)

    def answer_probe_dead(self) -> None:
        self.probes.pop(0)
        self.tell(ProbeAnswered(False, "why"))

    @rule()
    def restart(self) -> None:
        self.dispatcher.restart()
        self.pushes.clear()
        self.asks.clear()
        self.probes.clear()
        self.tell(Resumed())

    @invariant()
    def each_flight_is_open_or_ended_once(self) -> None:
        if not hasattr(self, "dispatcher"):
            return
        flights = {(task_id, *flight.run) for task_id, flight in self.dispatcher.state.flights.items()}
        for flight in self.open:
            assert self.ended[flight] == (0 if flight in flights else 1), f"{flight} ended {self.ended[flight]} times"
        assert flights <= self.open

    @invariant()
    def what_is_pushing_is_with_the_courier(self) -> None:
        if not hasattr(self, "dispatcher"):
            return
        for task_id, flight in self.dispatcher.state.flights.items():
            if flight.phase == "pushing":
                assert self.pushes[task_id, *flight.run] == 1

    @invariant()
    def what_was_heard_is_asked_no_more(self) -> None:
        """And only instances that can be asked are."""
        if not hasattr(self, "dispatcher"):
            return
        for task_id, flight in self.dispatcher.state.flights.items():
            if flight.ask is not None and flight.ask.is_heard:
                assert flight.phase == "accepted", f"{task_id} was asked before the instance had it"

    @invariant()
    def one_probe_at_a_time(self) -> None:
        if hasattr(self, "dispatcher"):
            assert len(self.probes) <= 1

    @invariant()
    def the_scheduler_knows_whether_it_is_up(self) -> None:
        if hasattr(self, "dispatcher"):
            assert self.told_up == self.dispatcher.state.is_up


TestDispatcherHistory = DispatcherHistory.TestCase
TestDispatcherHistory.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
