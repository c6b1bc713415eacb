"""Scheduler and agents together: a task has an entry, or was refused one, exactly while it is in flight.

Every message between them is carried in order, and kept for as long as the history likes; each may be restarted from
its snapshot in between. Whenever what they did is committed, the rows that queries read say what the buffers say.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import ActivityRefused, AgentEvent
from actors.behaviour import Decision, Send
from actors.messages.agent import AgentMessage, AttemptFailed, NoteProgress, PollActivity, PurgeActivity, TaskEnded
from actors.messages.answers import TaskAccepted
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import SchedulerMessage
from actors.messages.tasks import Activity
from actors.scheduler import SchedulerPolicy
from tests.driving import Driven
from tests.properties import invariants
from tests.properties.entry_rows import EntryRows
from tests.unit.scheduling import Scheduling, submit

AGENTS = ("a", "b", "c", "model:m")
PER_AGENT, TOTAL = 2, 4
KEPT_S = 20.0

step = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(AGENTS)),
    st.tuples(st.just("carry"), st.sampled_from(AGENTS)),
    st.tuples(st.just("hear")),
    st.tuples(st.just("end"), st.integers(0, 7)),
    st.tuples(st.just("fail"), st.integers(0, 7)),
    st.tuples(st.just("restart"), st.sampled_from(["scheduler", *AGENTS])),
    st.tuples(st.just("purge"), st.sampled_from(AGENTS)),
    st.tuples(st.just("purge_some"), st.sampled_from(AGENTS), st.integers(1, 12)),
    st.tuples(
        st.just("progress"),
        st.integers(0, 7),
        st.builds(Activity, branch=st.sampled_from(["", "b"]), description=st.sampled_from(["", "d", "w " * 201])),
        st.sampled_from([None, 0.0, 0.5]),
    ),
    st.tuples(st.just("age"), st.sampled_from(AGENTS)),
    st.tuples(st.just("commit")),
)
histories = st.lists(step, max_size=8) | st.lists(step, min_size=30, max_size=90)


class Swarm:
    """One scheduler, its agents, and what is on its way between them."""

    def __init__(self) -> None:
        policy = SchedulerPolicy(agent_slots=2, activity_per_agent=PER_AGENT, activity_total=TOTAL)
        self.scheduler = Scheduling(policy, watch=invariants.watch)
        self.scheduler.register("ti", capacity=3)
        behaviour = agent_behaviour(AgentPolicy(ended_entries=2, ended_kept_s=KEPT_S, max_attempts=2, retry_delay_s=0))
        self.agents: dict[str, Driven[AgentState, AgentMessage, AgentEvent]] = {a: Driven(behaviour, a) for a in AGENTS}
        self.to_agent: dict[str, deque[Any]] = {a: deque() for a in AGENTS}
        self.to_scheduler: deque[SchedulerMessage] = deque()
        self.refused = dict.fromkeys(AGENTS, 0)
        self.rows = EntryRows()
        self.count = 0

    def tell_scheduler(self, message: SchedulerMessage) -> None:
        told = self.scheduler.tell(message)
        invariants.check_quiet(self.scheduler.state)
        for to, sent in told.sent:
            if to.kind == "agent":
                self.to_agent[to.key].append(sent)

    def tell_agent(self, name: str, message: AgentMessage) -> None:
        decision: Decision[AgentEvent] = self.agents[name].tell(message, after=1.0)
        self.rows.note(name, decision.events)
        self.refused[name] += sum(isinstance(event, ActivityRefused) for event in decision.events)
        for effect in decision.effects:
            if isinstance(effect, Send) and effect.to.kind == "scheduler":
                self.to_scheduler.append(effect.message)  # type: ignore[arg-type]
        self.check()

    def running(self) -> list[tuple[str, str, int]]:
        """(agent, task, attempt) of what agents believe to run."""
        return [
            (name, task_id, life.attempt)
            for name, driven in self.agents.items()
            for task_id, life in sorted(driven.state.lives.items())
            if life.phase != "waiting"
        ]

    def _submit(self, name: str) -> None:
        self.count += 1
        message = submit(f"t{self.count}", agent="" if name == "model:m" else name)
        told = self.scheduler.tell(message)
        assert isinstance(told.answer, TaskAccepted)
        for to, sent in told.sent:
            self.to_agent[to.key].append(sent)

    def _carry(self, name: str) -> None:
        if self.to_agent[name]:
            self.tell_agent(name, self.to_agent[name].popleft())

    def _hear(self) -> None:
        if self.to_scheduler:
            self.tell_scheduler(self.to_scheduler.popleft())

    def _end(self, pick: int) -> None:
        if running := self.running():
            name, task_id, attempt = running[pick % len(running)]
            self.tell_agent(name, TaskEnded(task_id, attempt, "ti", 1.0, b"{}"))

    def _fail(self, pick: int) -> None:
        if running := self.running():
            name, task_id, attempt = running[pick % len(running)]
            self.tell_agent(name, AttemptFailed(task_id, attempt, "ti", "why"))

    def _restart(self, who: str) -> None:
        if who != "scheduler":
            self.agents[who].restart()
            return
        kept: Any = msgspec.json.decode(self.scheduler.dumped(), type=self.scheduler.behaviour.snapshot_type)
        self.scheduler.state = self.scheduler.behaviour.load("one", kept)
        self.tell_scheduler(Resumed())

    def _purge(self, name: str) -> None:
        self.tell_agent(name, PurgeActivity())

    def _purge_some(self, name: str, pick: int) -> None:
        self.tell_agent(name, PurgeActivity((f"t{pick}", f"t{pick + 1}")))

    def _age(self, name: str) -> None:
        """Time passes; the agent is woken where it wants to be, and has nothing left that is too old."""
        agent = self.agents[name]
        agent.now += KEPT_S / 2
        while agent.due is not None and agent.due <= agent.now:
            was_due = agent.due
            self.tell_agent(name, TimePassed())
            assert agent.due != was_due, "it wants to be woken, and nothing comes of it"
        if agent.state.activity is not None:
            ended = [entry.timestamp for entry in agent.state.activity.entries() if entry.ended]
            assert all(at > agent.now - 1.02 * KEPT_S for at in ended)

    def _progress(self, pick: int, said: Activity, share: float | None) -> None:
        if running := self.running():
            name, task_id, attempt = running[pick % len(running)]
            self.tell_agent(name, NoteProgress(task_id, attempt, 0, said, share))

    def _commit(self) -> None:
        self.rows.commit()
        self.rows.check({name: driven.state.activity for name, driven in self.agents.items()})

    def check(self) -> None:
        """What holds in the midst of it: never more than the limits, and a refusal is counted where it is shown."""
        live = {name: driven.state.activity.live() for name, driven in self.agents.items() if driven.state.activity}
        assert all(len(entries) <= PER_AGENT for entries in live.values()), live
        assert sum(len(entries) for entries in live.values()) <= TOTAL, live
        for name, driven in self.agents.items():
            if driven.state.activity is not None:
                assert driven.state.activity.refused == self.refused[name]

    def settle(self) -> None:
        """Carry everything; then both sides say the same of every task in flight."""
        while self.to_scheduler or any(self.to_agent.values()) or self.scheduler.state.delayed.items():
            self.scheduler.now += 1.0
            self.tell_scheduler(TimePassed())
            self._hear()
            for name in AGENTS:
                self._carry(name)
        self._commit()
        for name, driven in self.agents.items():
            tasks = {t: e for t, e in self.scheduler.state.tasks.items() if e.spec.agent_id == name}
            activity = driven.state.activity
            if activity is None:
                continue
            assert activity.live() == {t for t, entry in tasks.items() if entry.has_entry}
            assert activity.without_entry.keys() == {t for t, entry in tasks.items() if not entry.has_entry}


@settings(max_examples=300, deadline=None)
@given(histories)
def test_an_entry_or_a_refusal_for_each_task_in_flight(steps: list[tuple[Any, ...]]) -> None:
    swarm = Swarm()
    for name, *args in steps:
        getattr(swarm, f"_{name}")(*args)
    swarm.settle()
    while running := swarm.running():
        for name, task_id, attempt in running:
            swarm.tell_agent(name, TaskEnded(task_id, attempt, "ti", 1.0, b"{}"))
        swarm.settle()
    assert not swarm.scheduler.state.tasks, "every task ran, with an entry or without"
    for driven in swarm.agents.values():
        driven.tell(PollActivity())
        assert driven.state.activity is None or not (
            driven.state.activity.live() or driven.state.activity.without_entry
        )
