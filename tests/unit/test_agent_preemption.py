"""A run gives way by example: asked, deferred, told for the last time, stopped; or suspended and resumed."""

from __future__ import annotations

import sys

import pytest

from actors.addresses import SCHEDULER, dispatcher
from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import (
    AgentEvent,
    AttemptBegan,
    AttemptPlaced,
    LateReportSeen,
    PreemptionBegan,
    PreemptionDeferred,
    PreemptionSpared,
    RunSuspended,
    TaskFinished,
    TerminationBegan,
)
from actors.behaviour import Decision, Keep, Send
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    PreemptTask,
    RunTask,
    SparePreemption,
    TaskEnded,
    YieldDeferred,
)
from actors.messages.dispatcher import AskToYield, DropTask, PushTask
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import ReturnTask, SuspendTask, TaskSettled
from actors.messages.tasks import TaskSpec
from actors.task_lifecycle import TaskState
from tests.driving import Driven

SPEC = TaskSpec("t", "model:m", "m", priority=0, submitted_at=990.0, digest="d")
POLICY = AgentPolicy(preempt_grace_s=30.0, terminate_grace_s=5.0)
NOTHING: Decision[AgentEvent] = Decision()
CHECKPOINT = b'{"step":7}'
PREEMPT = PreemptTask("t", 1, 0, "urgent")
YIELDED = AttemptYielded("t", 1, 0, "ti", 40.0, CHECKPOINT)

Agent = Driven[AgentState, AgentMessage, AgentEvent]


def running() -> Agent:
    """An agent of which one task runs since 1000 s."""
    agent: Agent = Driven(agent_behaviour(POLICY), "model:m")
    agent.tell(RunTask(SPEC, 1, "ti"))
    agent.tell(AttemptStarted("t", 1))
    return agent


def to_instance(message: AskToYield | DropTask | PushTask) -> Send:
    return Send(dispatcher("ti"), message)


def test_a_run_is_asked_gives_way_and_is_resumed_with_the_same_attempt() -> None:
    agent = running()
    asked = agent.tell(PREEMPT, after=1)
    assert asked.events == (PreemptionBegan("t", 1, 0, "ti", 1001.0, "urgent", 30.0, 1031.0),)
    assert asked.effects == (to_instance(AskToYield("t", 1, 0, "urgent", 30_000)),)

    gone = agent.tell(YIELDED, after=1)
    assert gone.events == [RunSuspended("t", 1, 0, "ti", 1002.0, 40.0)]
    assert gone.effects == [
        Keep("t", "checkpoint", CHECKPOINT),
        Send(SCHEDULER, SuspendTask("t", 1, 0, "urgent")),
    ]
    assert agent.due is None, "what waits is under no deadline"

    resumed = agent.tell(RunTask(SPEC, 1, "ti", resumption=1))
    assert resumed.events == (AttemptPlaced("t", 1, "ti", 1002.0, 4602.0, resumption=1),)
    assert resumed.effects == (to_instance(PushTask("t", 1, "model:m", 1)),)
    end = agent.tell(TaskEnded("t", 1, "ti", 60.0, b"{}", resumption=1))
    [final] = end.events
    assert isinstance(final, TaskFinished)
    assert (final.state, final.attempt, final.execution_ms) == (TaskState.COMPLETED, 1, 100.0), "of both runs"


def test_runs_that_claim_more_time_together_than_a_number_can_hold_took_the_most_that_one_can() -> None:
    agent = running()
    for resumption in range(2):
        agent.tell(AttemptYielded("t", 1, resumption, "ti", sys.float_info.max, CHECKPOINT))
        agent.tell(RunTask(SPEC, 1, "ti", resumption=resumption + 1))
    agent.restart()
    ended = agent.tell(TaskEnded("t", 1, "ti", sys.float_info.max, b"{}", resumption=2))
    (final,) = ended.events
    assert isinstance(final, TaskFinished)
    assert final.execution_ms == sys.float_info.max


def test_one_that_does_not_listen_is_told_for_the_last_time_and_then_stopped() -> None:
    agent = running()
    agent.tell(PREEMPT)
    assert not agent.tell(TimePassed(), after=29.9).events
    last = agent.tell(TimePassed(), after=0.1)
    assert last.events == [TerminationBegan("t", 1, 0, 1030.0, 1035.0)]
    assert last.effects == [to_instance(AskToYield("t", 1, 0, "urgent", 5000, terminate=True))]
    assert not agent.tell(TimePassed(), after=4.9).events
    end = agent.tell(TimePassed(), after=0.1)
    [final] = end.events
    assert isinstance(final, TaskFinished)
    assert (final.state, final.error_code) == (TaskState.FAILED, "forced_preemption")
    assert "did not give way within 30 s, nor within 5 s" in final.error
    assert end.effects == [
        to_instance(DropTask("t", 1, "forced_preemption")),
        Send(SCHEDULER, TaskSettled("t", TaskState.FAILED)),
    ]
    assert agent.tell(YIELDED) == NOTHING, "too late"


def test_one_that_listens_to_the_last_word_is_suspended() -> None:
    agent = running()
    agent.tell(PREEMPT)
    agent.tell(TimePassed(), after=30)
    assert agent.tell(YIELDED).events == [RunSuspended("t", 1, 0, "ti", 1030.0, 40.0)]


def test_a_request_has_a_grace_of_its_own_even_none() -> None:
    agent = running()
    asked = agent.tell(PreemptTask("t", 1, 0, "urgent", 0.0))
    assert asked.effects == (to_instance(AskToYield("t", 1, 0, "urgent", 0)),)
    assert isinstance(agent.tell(TimePassed()).events[0], TerminationBegan), "the last word is never left out"
    assert not agent.tell(TimePassed(), after=4).events


def test_the_grace_counts_from_the_end_of_one_section() -> None:
    agent = running()
    agent.tell(PREEMPT)
    deferred = agent.tell(YieldDeferred("t", 1, 0, "commit", 500.0), after=1)
    assert deferred == Decision((PreemptionDeferred("t", "commit", 1001.0, 1031.5),))
    assert agent.tell(YieldDeferred("t", 1, 0, "another", 500.0)) == NOTHING, "sections do not add up"
    agent.tell(TimePassed(), after=30.5)
    assert agent.tell(YieldDeferred("t", 1, 0, "another", 500.0)) == NOTHING, "nor come after the last word"


def test_one_that_is_spared_is_not_forced_and_may_still_give_way() -> None:
    agent = running()
    agent.tell(PREEMPT)
    assert agent.tell(SparePreemption("t", 1, 0)) == Decision((PreemptionSpared("t", 1000.0),))
    assert agent.tell(SparePreemption("t", 1, 0)) == NOTHING
    assert not agent.tell(TimePassed(), after=100).events
    assert agent.tell(YieldDeferred("t", 1, 0, "commit", 500.0)) == NOTHING
    again = agent.tell(PREEMPT)
    assert isinstance(again.events[0], PreemptionBegan), "and it may be asked anew"
    assert isinstance(agent.tell(YIELDED).events[0], RunSuspended)


def test_one_that_was_spared_and_is_asked_anew_has_known_since_the_first_time() -> None:
    agent = running()
    agent.tell(PREEMPT)
    agent.tell(SparePreemption("t", 1, 0), after=10)
    agent.tell(PREEMPT, after=10)
    assert not agent.tell(TimePassed(), after=9.9).events
    assert isinstance(agent.tell(TimePassed(), after=0.1).events[0], TerminationBegan), "30 s after the first time"
    agent.tell(SparePreemption("t", 1, 0))
    agent.tell(PreemptTask("t", 1, 0, "by name", 3.0), after=100)
    assert not agent.tell(TimePassed(), after=2.9).events, "who states a grace gives it"


def test_asking_twice_changes_nothing() -> None:
    agent = running()
    agent.tell(PREEMPT)
    assert agent.tell(PreemptTask("t", 1, 0, "again", 0.0)) == NOTHING


def test_one_that_is_on_its_way_can_be_asked_and_does_not_count_as_running_then() -> None:
    agent: Agent = Driven(agent_behaviour(POLICY), "model:m")
    agent.tell(RunTask(SPEC, 1, "ti"))
    agent.tell(PREEMPT)
    assert agent.tell(AttemptStarted("t", 1)).events == (AttemptBegan("t", 1, "ti", 1000.0, 4600.0, True),)


def test_the_grace_of_one_that_is_on_its_way_counts_from_where_it_can_be_asked() -> None:
    agent: Agent = Driven(agent_behaviour(POLICY), "model:m")
    agent.tell(RunTask(SPEC, 1, "ti"))
    agent.tell(PreemptTask("t", 1, 0, "urgent", 2.0))
    assert not agent.tell(TimePassed(), after=60).events, "its instance does not have it yet"
    agent.tell(AttemptStarted("t", 1))
    assert not agent.tell(TimePassed(), after=1.9).events
    assert isinstance(agent.tell(TimePassed(), after=0.1).events[0], TerminationBegan)


def test_a_section_that_outlasts_the_grace_keeps_the_last_word_from_ending_it() -> None:
    agent = running()
    agent.tell(PreemptTask("t", 1, 0, "urgent", 0.0))
    agent.tell(TimePassed())
    assert agent.tell(YieldDeferred("t", 1, 0, "commit", 20_000.0)).events, "the first word was answered late"
    assert not agent.tell(TimePassed(), after=24.9).events
    assert isinstance(agent.tell(TimePassed(), after=0.1).events[0], TaskFinished)


def test_one_that_gives_way_unasked_is_suspended_all_the_same() -> None:
    gone = running().tell(YIELDED)
    assert [type(event) for event in gone.events] == [PreemptionBegan, RunSuspended]


def test_a_failure_while_it_has_to_give_way_is_a_failed_attempt() -> None:
    agent = running()
    agent.tell(PREEMPT)
    failed = agent.tell(AttemptFailed("t", 1, "ti", "instance down"))
    assert failed.effects == (Send(SCHEDULER, ReturnTask("t", 2, "ti", 0.5, "instance down")),)
    assert agent.due is None
    agent.tell(RunTask(SPEC, 2, "ti-2"))
    assert agent.state.lives["t"].run == (2, 0)
    assert agent.state.lives["t"].preemption is None


@pytest.mark.parametrize(
    "message",
    [
        PreemptTask("t", 1, 1, "of the run before"),
        AttemptStarted("t", 1, 0),
        AttemptFailed("t", 1, "ti", "of the run before", 0),
        SparePreemption("t", 1, 0),
        TaskEnded("t", 1, "ti", 1.0, b"{}", resumption=2),
    ],
)
def test_what_is_of_another_run_of_the_attempt_is_nothing(message: AgentMessage) -> None:
    agent = running()
    agent.tell(PREEMPT)
    agent.tell(YIELDED)
    if not (isinstance(message, PreemptTask)):
        agent.tell(RunTask(SPEC, 1, "ti", resumption=1))
    assert agent.tell(message) == NOTHING


def test_a_run_that_has_given_way_can_neither_end_nor_give_way_again() -> None:
    agent = running()
    agent.tell(PREEMPT)
    agent.tell(YIELDED)
    late = Decision((LateReportSeen("t", 1, "ti"),))
    assert agent.tell(TaskEnded("t", 1, "ti", 1.0, b"{}")) == late, "while it waits"
    agent.tell(RunTask(SPEC, 1, "ti", resumption=1))
    assert agent.tell(TaskEnded("t", 1, "ti", 1.0, b"{}")) == late, "and when it has been resumed"
    assert agent.tell(YIELDED) == late
    assert agent.state.lives["t"].phase == "placed"


@pytest.mark.parametrize(("attempt", "resumption"), [(1, 0), (1, 2), (2, 1), (2, 0)])
def test_only_the_next_run_resumes_it(attempt: int, resumption: int) -> None:
    agent = running()
    agent.tell(PREEMPT)
    agent.tell(YIELDED)
    assert agent.tell(RunTask(SPEC, attempt, "ti", resumption=resumption)) == NOTHING
