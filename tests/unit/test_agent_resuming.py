"""After a restart: what ended while the process was away is heard before anything ends for being late."""

from __future__ import annotations

import pytest

from actors.agent import AgentPolicy
from actors.agent.events import AttemptAbandoned, DeadlinesPutOff, RunSuspended, TaskFinished, TerminationBegan
from actors.messages.agent import (
    AgentMessage,
    AttemptStarted,
    AttemptYielded,
    BeginShutdown,
    PreemptTask,
    RunTask,
    TaskEnded,
)
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.tasks import TaskSpec
from actors.task_lifecycle import TaskState
from tests.unit.quiet_agent import QuietAgent

SPEC = TaskSpec("t", "worker-1", "m", priority=0, submitted_at=990.0, digest="d", timeout_ms=60_000)
LAST_ATTEMPT = AgentPolicy(max_attempts=1)


def running() -> QuietAgent:
    agent = QuietAgent(LAST_ATTEMPT)
    agent.tell(RunTask(SPEC, 1, "ti"))
    agent.tell(AttemptStarted("t", 1))
    return agent


@pytest.mark.parametrize("told", [None, BeginShutdown(30.0)])
def test_a_result_counts_though_the_time_for_it_was_over_while_nobody_could_take_it(told: AgentMessage | None) -> None:
    agent = running()
    if told is not None:
        agent.tell(told)
    agent.restart()
    agent.tell(Resumed(), after=3600)
    assert not agent.tell(TimePassed()).events
    end = agent.tell(TaskEnded("t", 1, "ti", 1.0, b"{}"), after=5.9).events[0]
    assert isinstance(end, TaskFinished)
    assert end.state is TaskState.COMPLETED


def test_a_run_has_given_way_though_the_last_grace_was_over_while_nobody_could_hear_it() -> None:
    agent = running()
    agent.tell(PreemptTask("t", 1, 0, "urgent", 1.0))
    assert isinstance(agent.tell(TimePassed(), after=1).events[0], TerminationBegan)
    agent.restart()
    agent.tell(Resumed(), after=30)
    assert not agent.tell(TimePassed()).events
    assert isinstance(agent.tell(AttemptYielded("t", 1, 0, "ti", 1.0, b"{}"), after=2).events[0], RunSuspended)


def test_what_is_not_heard_of_soon_after_a_restart_is_late() -> None:
    agent = running()
    agent.restart()
    assert agent.tell(Resumed(), after=3600).events == (DeadlinesPutOff(4600.0, 4606.0),)
    assert agent.due == 4606.0
    end = agent.tell(TimePassed(), after=6).events[0]
    assert isinstance(end, TaskFinished)
    assert "run timeout of 60000 ms" in end.error


def test_what_is_due_later_is_due_when_it_was() -> None:
    agent = running()
    agent.restart()
    assert agent.tell(Resumed(), after=10).events == ()
    assert agent.due == 1060.0
    again = QuietAgent(AgentPolicy())
    again.tell(RunTask(SPEC, 1, "ti"))
    assert again.tell(Resumed(), after=59).events == (DeadlinesPutOff(1059.0, 1065.0),)
    assert isinstance(again.tell(TimePassed(), after=6).events[0], AttemptAbandoned)
