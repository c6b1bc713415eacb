"""Pushes and reports by example: what the dispatcher remembers and tells, message by message."""

from __future__ import annotations

import pytest

from actors.addresses import SCHEDULER, agent
from actors.behaviour import Decision, Reply, Send
from actors.dispatcher import DispatcherEvent, DispatcherPolicy, DispatcherState, dispatcher_behaviour
from actors.dispatcher.events import (
    FlightDropped,
    FlightFailed,
    InstanceAttended,
    InstanceLost,
    InstanceReleased,
    ProbeSent,
    PushAccepted,
    PushBegan,
    PushDoubted,
    PushHeld,
    PushRepeated,
    ReportTaken,
)
from actors.errands import CancelOnInstance, Endpoint, ProbeInstance, PushToInstance
from actors.messages.agent import AttemptFailed, AttemptStarted, TaskEnded
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import (
    AttendInstance,
    DispatcherMessage,
    DropTask,
    PushAnswered,
    PushTask,
    ReleaseInstance,
    Report,
)
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import InstanceWentDown
from actors.settings import Settings
from tests.driving import Driven

AT = Endpoint("h", 1)
ATTEND = AttendInstance("ti", "h", 1, "m", 2, "submit", ("cancel",))
PUSH = PushTask("t", 1, "a")
ERRAND = PushToInstance(AT, "t", 1, "m")
NOTHING: Decision[DispatcherEvent] = Decision()

Dispatcher = Driven[DispatcherState, DispatcherMessage, DispatcherEvent]


def attending(policy: DispatcherPolicy | None = None) -> Dispatcher:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(policy or DispatcherPolicy()), "ti")
    dispatcher.tell(ATTEND)
    return dispatcher


def to_agent(message: AttemptFailed | AttemptStarted | TaskEnded) -> Send:
    return Send(agent("a"), message)


def failed(reason: str, attempt: int = 1) -> Send:
    return to_agent(AttemptFailed("t", attempt, "ti", reason))


def report(attempt: int = 0, agent_id: str = "a") -> Report:
    return Report("t", attempt, agent_id, "whoever", 7.0, b"{}")


def test_attending_probes_at_once() -> None:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(DispatcherPolicy()), "ti")
    decision = dispatcher.tell(ATTEND)
    assert decision.events == [InstanceAttended("h", 1, "submit", "m", 2, ("cancel",)), ProbeSent(1000.0, 1005.0)]
    assert decision.effects == [ProbeInstance(AT)]


def test_an_accepted_push_starts_the_attempt() -> None:
    dispatcher = attending()
    assert dispatcher.tell(PUSH) == Decision((PushBegan("t", 1, "a"),), (ERRAND,))
    assert dispatcher.tell(PUSH) == NOTHING
    accepted = dispatcher.tell(PushAnswered("t", 1, "accepted", remote_id="theirs"), after=1)
    assert accepted == Decision([PushAccepted("t", 1, "theirs", 1001.0)], [to_agent(AttemptStarted("t", 1))])
    assert dispatcher.tell(PushAnswered("t", 1, "refused", "409")) == NOTHING


def test_a_refused_push_may_go_elsewhere_and_says_nothing_of_health() -> None:
    dispatcher = attending()
    dispatcher.tell(PUSH)
    refused = dispatcher.tell(PushAnswered("t", 1, "refused", "503 busy"))
    assert refused == Decision([FlightFailed("t", 1, "refused: 503 busy")], [failed("refused: 503 busy")])


def test_an_unanswered_push_goes_to_the_same_instance_again() -> None:
    dispatcher = attending()
    dispatcher.tell(PUSH, after=3)
    doubted = dispatcher.tell(PushAnswered("t", 1, "unknown", "no answer in time"))
    assert doubted.events == [PushDoubted("t", 1, 1, 1003.5, "no answer in time"), ProbeSent(1003.0, 1008.0)]
    assert doubted.effects == [ProbeInstance(AT)]
    assert dispatcher.due == 1003.5
    again = dispatcher.tell(TimePassed(), after=0.5)
    assert again == Decision([PushRepeated("t", 1)], [ERRAND])
    assert isinstance(dispatcher.tell(PushAnswered("t", 1, "accepted")).events[0], PushAccepted)


def test_an_instance_that_answers_no_push_counts_as_down_before_the_task_goes_elsewhere() -> None:
    dispatcher = attending(DispatcherPolicy(push_retries=1))
    dispatcher.tell(PushTask("held", 1, "b"))
    dispatcher.tell(PushAnswered("held", 1, "accepted"))
    dispatcher.tell(PUSH)
    unknown = PushAnswered("t", 1, "unknown", "no answer in time")
    dispatcher.tell(unknown)
    dispatcher.tell(TimePassed(), after=0.5)
    silent = dispatcher.tell(unknown)
    reason = "no answer to 2 pushes, last: no answer in time"
    assert silent.events == [InstanceLost(reason, 1060.5), FlightFailed("t", 1, f"instance down: {reason}")]
    assert silent.effects == [Send(SCHEDULER, InstanceWentDown("ti", reason)), failed(f"instance down: {reason}")]
    assert list(dispatcher.state.flights) == ["held"], "what it has accepted may still end there"


def test_a_report_ends_the_flight_also_before_the_push_is_answered() -> None:
    dispatcher = attending()
    dispatcher.tell(PUSH)
    taken = dispatcher.tell(report())
    assert taken.events == (ReportTaken("t", 1),)
    assert taken.effects == (
        to_agent(TaskEnded("t", 0, "ti", 7.0, b"{}", False)),
        Reply(ReportAnswered("t", counted=True)),
    )
    assert dispatcher.tell(PushAnswered("t", 1, "accepted")) == NOTHING
    assert dispatcher.tell(PushAnswered("t", 1, "unknown")) == NOTHING


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_report_of_another_attempt_is_passed_on_and_does_not_count(attempt: int) -> None:
    dispatcher = attending()
    dispatcher.tell(PushTask("t", 2, "a"))
    late = dispatcher.tell(report(attempt))
    assert late.events == ()
    assert late.effects == (
        to_agent(TaskEnded("t", attempt, "ti", 7.0, b"{}", False)),
        Reply(ReportAnswered("t", counted=False)),
    )
    assert "t" in dispatcher.state.flights


def test_a_report_of_a_task_not_in_flight_finds_its_agent() -> None:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(DispatcherPolicy()), "ti")
    passed_on = dispatcher.tell(report(agent_id="model:m"))
    assert passed_on.effects[0] == Send(agent("model:m"), TaskEnded("t", 0, "ti", 7.0, b"{}", False))
    assert dispatcher.tell(report(agent_id="")).effects == (Reply(ReportAnswered("t", counted=False)),)


def test_a_dropped_flight_is_cancelled_where_the_instance_can_be_told() -> None:
    dispatcher = attending()
    dispatcher.tell(PUSH)
    assert dispatcher.tell(DropTask("t", 2, "?")) == NOTHING
    dropped = dispatcher.tell(DropTask("t", 1, "run timeout"))
    assert dropped == Decision((FlightDropped("t", 1, "run timeout"),), (CancelOnInstance(AT, "t", 1),))
    assert dispatcher.tell(DropTask("t", 1, "run timeout")) == NOTHING

    dispatcher.tell(AttendInstance("ti", "h", 1, "m", 2, "submit"))
    dispatcher.tell(PUSH)
    assert dispatcher.tell(DropTask("t", 1, "late")).effects == ()


def test_a_later_attempt_replaces_an_earlier_one() -> None:
    dispatcher = attending()
    dispatcher.tell(PUSH)
    assert dispatcher.tell(PushTask("t", 2, "a")).events == (PushBegan("t", 2, "a"),)
    assert dispatcher.tell(PushAnswered("t", 1, "refused", "409")) == NOTHING


def test_a_push_that_overtook_its_instance_waits_for_it() -> None:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(DispatcherPolicy()), "ti")
    assert dispatcher.tell(PUSH) == Decision((PushHeld("t", 1, "a", 1010.0),))
    attended = dispatcher.tell(ATTEND, after=1)
    assert attended.events[-1] == PushBegan("t", 1, "a")
    assert attended.effects[-1] == ERRAND


def test_a_push_to_no_instance_fails_after_a_while() -> None:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(DispatcherPolicy()), "ti")
    dispatcher.tell(PUSH)
    assert dispatcher.tell(TimePassed(), after=10).effects == [failed("the instance is not registered")]
    assert dispatcher.due is None


def test_a_released_instance_is_not_probed_and_holds_nothing() -> None:
    dispatcher = attending()
    dispatcher.tell(PUSH)
    released = dispatcher.tell(ReleaseInstance())
    assert released.events[0] == InstanceReleased()
    assert released.effects == [failed("the instance was removed")]
    assert dispatcher.due is None


def test_a_restart_pushes_again_what_was_being_pushed() -> None:
    dispatcher = attending()
    for task_id in ("t", "accepted", "unknown"):
        dispatcher.tell(PushTask(task_id, 1, "a"))
    dispatcher.tell(PushAnswered("accepted", 1, "accepted"))
    dispatcher.tell(PushAnswered("unknown", 1, "unknown"))
    dispatcher.restart()
    resumed = dispatcher.tell(Resumed(), after=0.1)
    assert resumed.effects == [ERRAND, ProbeInstance(AT)]
    assert dispatcher.tell(TimePassed(), after=1).effects == [PushToInstance(AT, "unknown", 1, "m")]


def test_the_default_policy_is_that_of_the_settings() -> None:
    policy, settings = DispatcherPolicy(), Settings()
    for name in ("push_retries", "probe_interval_s", "probe_timeout_s", "probe_failures"):
        assert getattr(policy, name) == getattr(settings, name), name
