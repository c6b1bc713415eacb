"""Callbacks by example: posted after the end, repeated with growing delays, given up, resumed after a restart."""

from __future__ import annotations

from msgspec.structs import replace

from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import (
    AgentEvent,
    CallbackAbandoned,
    CallbackDelivered,
    CallbackPostponed,
    CallbackRepeated,
    TaskFinished,
)
from actors.behaviour import Decision
from actors.errands import PostCallback
from actors.messages.agent import AgentMessage, CallbackAnswered, RunTask, TaskEnded
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.tasks import TaskSpec
from tests.driving import Driven

URL = "http://127.0.0.1:9/done"
SPEC = TaskSpec("t", "model:m", "m", priority=0, submitted_at=0.0, digest="d", callback_url=URL)
POST = PostCallback(URL, "t")
FAILED = CallbackAnswered("t", False, "500")


def a_finished_task(policy: AgentPolicy | None = None) -> Driven[AgentState, AgentMessage, AgentEvent]:
    agent: Driven[AgentState, AgentMessage, AgentEvent] = Driven(agent_behaviour(policy or AgentPolicy()), "model:m")
    agent.tell(RunTask(SPEC, 1, "ti"))
    end = agent.tell(TaskEnded("t", 0, "ti", 1.0, b"{}"))
    assert isinstance(end.events[0], TaskFinished)
    assert end.effects[-1] == POST
    return agent


def test_a_delivered_callback_is_over() -> None:
    agent = a_finished_task()
    assert agent.tell(CallbackAnswered("t", True, "")) == Decision((CallbackDelivered("t"),))
    assert agent.state.callbacks == {}
    assert agent.tell(FAILED) == Decision()


def test_a_failed_callback_is_tried_again_with_growing_delays() -> None:
    agent = a_finished_task()
    assert agent.tell(FAILED).events == (CallbackPostponed("t", 1, 1001.0, "500"),)
    assert agent.tell(FAILED) == Decision(), "an answer to nothing"
    assert agent.due == 1001.0
    assert agent.tell(TimePassed(), after=1) == Decision([CallbackRepeated("t")], [POST])
    assert agent.due is None
    assert agent.tell(FAILED).events == (CallbackPostponed("t", 2, 1003.0, "500"),)


def test_a_callback_is_given_up_after_the_bound() -> None:
    agent = a_finished_task(AgentPolicy(callback_attempts=1))
    assert agent.tell(FAILED).events == (CallbackAbandoned("t", 1, "500"),)
    assert agent.due is None


def test_a_restart_posts_again_what_was_under_way_and_only_that() -> None:
    agent = a_finished_task()
    agent.restart()
    assert agent.tell(Resumed()) == Decision((), [POST])
    agent.tell(FAILED)
    agent.restart()
    assert agent.tell(Resumed()) == Decision((), [])
    assert agent.due == 1001.0


def test_a_task_without_a_url_posts_nothing() -> None:
    agent: Driven[AgentState, AgentMessage, AgentEvent] = Driven(agent_behaviour(AgentPolicy()), "model:m")
    agent.tell(RunTask(replace(SPEC, callback_url=None), 1, "ti"))
    end = agent.tell(TaskEnded("t", 0, "ti", 1.0, b"{}"))
    assert not [effect for effect in end.effects if isinstance(effect, PostCallback)]
