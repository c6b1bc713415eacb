"""Giving way by example: how an instance is asked, and what becomes of its answer."""

from __future__ import annotations

import pytest

from actors.addresses import agent
from actors.behaviour import Decision, Reply, Send
from actors.dispatcher import DispatcherEvent, DispatcherPolicy, DispatcherState, dispatcher_behaviour
from actors.dispatcher.events import YieldAsked, YieldHeard, YieldTaken
from actors.errands import Endpoint, ProbeInstance, PushToInstance, YieldOnInstance
from actors.messages.agent import (
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    NoteProgress,
    SparePreemption,
    YieldDeferred,
)
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import (
    AskToYield,
    AttendInstance,
    DispatcherMessage,
    ProbeAnswered,
    PushAnswered,
    PushTask,
    ReportProgress,
    ReportYield,
    YieldAnswered,
)
from actors.messages.runtime import Resumed
from tests.driving import Driven

AT = Endpoint("h", 1)
ASK = AskToYield("t", 1, 0, "urgent", 500)
ERRAND = YieldOnInstance(AT, "t", 1, 0, "urgent", 500)
YIELDED = AttemptYielded("t", 1, 0, "ti", 40.0, b'{"step":7}')
NOTHING: Decision[DispatcherEvent] = Decision()

Dispatcher = Driven[DispatcherState, DispatcherMessage, DispatcherEvent]


def pushing(capabilities: tuple[str, ...] = ("preempt",)) -> Dispatcher:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(DispatcherPolicy()), "ti")
    dispatcher.tell(AttendInstance("ti", "h", 1, "m", 2, "submit", capabilities))
    dispatcher.tell(PushTask("t", 1, "a"))
    return dispatcher


def running() -> Dispatcher:
    dispatcher = pushing()
    dispatcher.tell(PushAnswered("t", 1, "accepted"))
    return dispatcher


def test_the_instance_is_asked_and_what_it_leaves_reaches_the_agent() -> None:
    dispatcher = running()
    assert dispatcher.tell(ASK) == Decision((YieldAsked("t", 1, 0, "urgent", 500, False),), (ERRAND,))
    assert dispatcher.tell(YieldAnswered("t", 1, 0, "noted")).events == (YieldHeard("t", 1, 0, "", 0.0),)
    gone = dispatcher.tell(ReportYield("t", 1, 0, "a", "ti", 40.0, b'{"step":7}'))
    assert gone.events == (YieldTaken("t", 1, 0),)
    assert gone.effects == (Send(agent("a"), YIELDED), Reply(ReportAnswered("t", counted=True)))
    assert not dispatcher.state.flights
    again = dispatcher.tell(ReportYield("t", 1, 0, "a", "ti", 40.0, b'{"step":7}'))
    assert again == Decision((), (Reply(ReportAnswered("t", counted=False)),))


def test_an_answer_may_bring_the_checkpoint_with_it() -> None:
    dispatcher = running()
    dispatcher.tell(ASK)
    answer = YieldAnswered("t", 1, 0, "yielded", b'{"step":7}', 40.0)
    assert dispatcher.tell(answer) == Decision((YieldTaken("t", 1, 0),), (Send(agent("a"), YIELDED),))


def test_a_section_defers_it_and_the_agent_hears_of_that() -> None:
    dispatcher = running()
    dispatcher.tell(ASK)
    deferred = dispatcher.tell(YieldAnswered("t", 1, 0, "noted", section="commit", deferred_ms=200.0))
    assert deferred.events == (YieldHeard("t", 1, 0, "commit", 200.0),)
    assert deferred.effects == (Send(agent("a"), YieldDeferred("t", 1, 0, "commit", 200.0)),)


def test_a_run_that_the_instance_has_not_taken_yet_is_asked_once_it_has() -> None:
    dispatcher = pushing()
    assert not dispatcher.tell(ASK).effects
    started = dispatcher.tell(PushAnswered("t", 1, "accepted"))
    assert started.effects == [Send(agent("a"), AttemptStarted("t", 1)), ERRAND]


def test_what_was_not_heard_is_asked_again_with_the_next_sign_of_life_and_after_a_restart() -> None:
    dispatcher = running()
    dispatcher.tell(ASK)
    assert dispatcher.tell(YieldAnswered("t", 1, 0, "unheard")) == NOTHING
    assert dispatcher.tell(ProbeAnswered(True)).effects == [ERRAND]
    assert dispatcher.tell(Resumed()).effects == [ERRAND, ProbeInstance(AT)]
    dispatcher.tell(YieldAnswered("t", 1, 0, "noted"))
    assert not dispatcher.tell(ProbeAnswered(True)).effects
    assert dispatcher.tell(Resumed()).effects == [ProbeInstance(AT)]


def test_the_last_word_is_said_too() -> None:
    dispatcher = running()
    dispatcher.tell(ASK)
    dispatcher.tell(YieldAnswered("t", 1, 0, "noted"))
    last = dispatcher.tell(AskToYield("t", 1, 0, "urgent", 100, terminate=True))
    assert last.effects == (YieldOnInstance(AT, "t", 1, 0, "urgent", 100, terminate=True),)


def test_an_instance_that_cannot_be_asked_is_not_and_the_run_not_forced() -> None:
    dispatcher = pushing(())
    dispatcher.tell(PushAnswered("t", 1, "accepted"))
    assert dispatcher.tell(ASK) == Decision((), (Send(agent("a"), SparePreemption("t", 1, 0)),))


def test_a_resumed_run_is_another_one() -> None:
    dispatcher = running()
    dispatcher.tell(ReportYield("t", 1, 0, "a", "ti", 40.0, b"{}"))
    pushed = dispatcher.tell(PushTask("t", 1, "a", 1))
    assert pushed.effects == (PushToInstance(AT, "t", 1, "m", 1),)
    assert dispatcher.tell(PushAnswered("t", 1, "accepted")) == NOTHING
    assert dispatcher.tell(PushTask("t", 1, "a", 0)) == NOTHING
    started = dispatcher.tell(PushAnswered("t", 1, "accepted", resumption=1))
    assert started.effects == [Send(agent("a"), AttemptStarted("t", 1, 1))]
    stale = dispatcher.tell(ReportYield("t", 1, 0, "a", "ti", 40.0, b"{}"))
    assert stale.effects == (Reply(ReportAnswered("t", counted=False)),)


@pytest.mark.parametrize(
    "message", [AskToYield("t", 1, 1, "", 1), AskToYield("t", 2, 0, "", 1), AskToYield("x", 1, 0, "", 1)]
)
def test_only_the_run_in_flight_is_asked(message: AskToYield) -> None:
    assert running().tell(message) == NOTHING


def test_progress_is_passed_on_of_the_run_in_flight_alone() -> None:
    dispatcher = running()
    noted = dispatcher.tell(ReportProgress("t", 1, 0, "a", None, 0.5, b"{}"))
    assert noted.effects == [
        Send(agent("a"), NoteProgress("t", 1, 0, None, 0.5, b"{}")),
        Reply(ReportAnswered("t", counted=True)),
    ]
    late = dispatcher.tell(ReportProgress("t", 1, 1, "a", None, 0.5))
    assert late.effects == [Reply(ReportAnswered("t", counted=False))]


def test_a_run_that_the_instance_does_not_have_is_lost_once_its_report_has_had_its_time() -> None:
    dispatcher = running()
    dispatcher.tell(ASK)
    assert dispatcher.tell(YieldAnswered("t", 1, 0, "gone")).effects == ()
    dispatcher.tell(AskToYield("t", 1, 0, "urgent", 100, terminate=True))
    lost = dispatcher.tell(YieldAnswered("t", 1, 0, "gone"))
    assert lost.effects == [Send(agent("a"), AttemptFailed("t", 1, "ti", "the instance does not have it any more"))]
    assert not dispatcher.state.flights
