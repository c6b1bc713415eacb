"""Probes by example: an instance goes down, comes back, is started anew; a healthy answer leaves no trace."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors.addresses import SCHEDULER, agent
from actors.behaviour import Decision, Send
from actors.dispatcher import DispatcherEvent, DispatcherPolicy, DispatcherState, dispatcher_behaviour
from actors.dispatcher.events import (
    ClockJumped,
    FlightFailed,
    InstanceHeard,
    InstanceLost,
    InstanceMissed,
    InstanceRecovered,
    InstanceRefused,
    InstanceRestarted,
    ProbeAdvanced,
    ProbeSent,
    PushAccepted,
    PushDoubted,
)
from actors.errands import Endpoint, ProbeInstance, PushToInstance
from actors.messages.agent import AttemptFailed
from actors.messages.dispatcher import AttendInstance, DispatcherMessage, ProbeAnswered, PushAnswered, PushTask
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import InstanceCameUp, InstanceWentDown
from tests.driving import Driven

ATTEND = AttendInstance("ti", "h", 1, "m", 2, "submit")
AT = Endpoint("h", 1)
PROBE = ProbeInstance(AT)
ALIVE = ProbeAnswered(True)
DEAD = ProbeAnswered(False, "refused")
NOTHING: Decision[DispatcherEvent] = Decision([], [])

Dispatcher = Driven[DispatcherState, DispatcherMessage, DispatcherEvent]


def attending(policy: DispatcherPolicy | None = None) -> Dispatcher:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(policy or DispatcherPolicy()), "ti")
    dispatcher.tell(ATTEND)
    return dispatcher


def accept(dispatcher: Dispatcher, task_id: str) -> None:
    dispatcher.tell(PushTask(task_id, 1, "a"))
    dispatcher.tell(PushAnswered(task_id, 1, "accepted"))


def failed(task_id: str, reason: str) -> Send:
    return Send(agent("a"), AttemptFailed(task_id, 1, "ti", reason))


def down(dispatcher: Dispatcher) -> Decision[DispatcherEvent]:
    dispatcher.tell(DEAD)
    return dispatcher.tell(DEAD)


def test_an_instance_is_probed_at_every_interval_and_a_healthy_answer_is_not_remembered() -> None:
    dispatcher = attending()
    assert dispatcher.tell(ALIVE) == NOTHING
    assert dispatcher.due == 1005.0
    assert dispatcher.tell(TimePassed(), after=5) == Decision([ProbeSent(1005.0, 1010.0)], [PROBE])
    assert dispatcher.tell(ALIVE) == NOTHING


def test_the_interval_is_spread_and_never_shorter_than_the_answer_may_take() -> None:
    dispatcher = attending(DispatcherPolicy(probe_interval_s=1.0, probe_timeout_s=4.0))
    assert dispatcher.due == 1005.0
    dispatcher = attending()
    dispatcher.tell(TimePassed(), after=5, chance=0.0)
    assert dispatcher.due == 1005.0 + 3.75


def test_failures_in_a_row_take_the_instance_down_with_all_its_flights() -> None:
    dispatcher = attending()
    accept(dispatcher, "t")
    dispatcher.tell(PushTask("u", 1, "a"))
    assert dispatcher.tell(DEAD) == Decision([InstanceMissed(1, "refused")], [])
    lost = dispatcher.tell(DEAD)
    assert lost.events == [
        InstanceMissed(2, "refused"),
        InstanceLost("refused", 1000.0),
        FlightFailed("t", 1, "instance down: refused"),
        FlightFailed("u", 1, "instance down: refused"),
    ]
    assert lost.effects == [
        Send(SCHEDULER, InstanceWentDown("ti", "refused")),
        failed("t", "instance down: refused"),
        failed("u", "instance down: refused"),
    ]
    assert dispatcher.tell(DEAD) == NOTHING, "it is down already"
    assert dispatcher.due == 1005.0, "and is probed further"


def test_one_answer_in_between_clears_the_failures() -> None:
    dispatcher = attending()
    dispatcher.tell(DEAD)
    assert dispatcher.tell(ALIVE).events == [InstanceHeard()]
    assert dispatcher.tell(DEAD).events == [InstanceMissed(1, "refused")]


def test_an_instance_that_answers_again_is_up() -> None:
    dispatcher = attending()
    down(dispatcher)
    refused = dispatcher.tell(PushTask("t", 1, "a"))
    assert refused.effects == [failed("t", "instance down: refused")]
    back = dispatcher.tell(ALIVE, after=5)
    assert back.events[-1] == InstanceRecovered()
    assert back.effects == [Send(SCHEDULER, InstanceCameUp("ti"))]
    assert dispatcher.tell(ALIVE) == NOTHING


def test_registering_it_again_brings_an_instance_up() -> None:
    dispatcher = attending()
    down(dispatcher)
    assert Send(SCHEDULER, InstanceCameUp("ti")) in dispatcher.tell(ATTEND, after=5).effects
    assert dispatcher.state.is_up


def test_an_unreachable_push_counts_as_a_failed_probe() -> None:
    dispatcher = attending()
    for task_id in ("t", "u", "v"):
        dispatcher.tell(PushTask(task_id, 1, "a"))
    unreachable = dispatcher.tell(PushAnswered("t", 1, "unreachable", "refused"))
    assert unreachable.events == [
        FlightFailed("t", 1, "unreachable: refused"),
        InstanceMissed(1, "refused"),
        ProbeAdvanced(1002.5),
    ], "the probe sent when attending may still be under way: the next waits until it cannot be"
    again = dispatcher.tell(PushAnswered("u", 1, "unreachable", "refused"), after=3)
    assert again.events[2:] == [
        InstanceLost("refused", 1003.0),
        FlightFailed("v", 1, "instance down: refused"),
        ProbeSent(1003.0, 1008.0),
    ]


def test_a_silent_instance_rests_before_it_counts_as_up_and_loses_all_when_probes_fail_too() -> None:
    dispatcher = attending(DispatcherPolicy(push_retries=0, silence_s=60))
    accept(dispatcher, "kept")
    dispatcher.tell(PushTask("t", 1, "a"))
    dispatcher.tell(PushAnswered("t", 1, "unknown", "no answer in time"))
    assert dispatcher.tell(ALIVE, after=59) == NOTHING
    dispatcher.tell(DEAD)
    assert dispatcher.tell(DEAD).effects == [failed("kept", "instance down: refused")]
    assert dispatcher.tell(ALIVE, after=1).effects == [Send(SCHEDULER, InstanceCameUp("ti"))]


def test_an_instance_that_was_restarted_has_forgotten_what_it_accepted_before() -> None:
    dispatcher = attending()
    dispatcher.tell(ProbeAnswered(True, uptime_s=100.0))
    assert dispatcher.state.booted_at == 900.0
    accept(dispatcher, "before")
    dispatcher.now += 10
    accept(dispatcher, "after")
    restarted = dispatcher.tell(ProbeAnswered(True, uptime_s=6.0), after=1)
    assert restarted.events == [InstanceRestarted(1005.0), FlightFailed("before", 1, "instance restarted")]
    assert restarted.effects == [failed("before", "instance restarted")]
    assert dispatcher.tell(ProbeAnswered(True, uptime_s=6.5), after=1) == NOTHING


def test_a_known_restart_costs_also_what_was_accepted_just_before() -> None:
    dispatcher = attending()
    dispatcher.tell(ProbeAnswered(True, uptime_s=100.0))
    accept(dispatcher, "t")
    restarted = dispatcher.tell(ProbeAnswered(True, uptime_s=4.0), after=5)
    assert restarted.effects == [failed("t", "instance restarted")]


def test_a_push_that_was_sent_before_a_restart_is_lost_though_its_answer_came_later() -> None:
    dispatcher = attending()
    dispatcher.tell(ProbeAnswered(True, uptime_s=100.0))
    dispatcher.tell(PushTask("t", 1, "a"))
    dispatcher.tell(PushAnswered("t", 1, "accepted", sent_at=1000.0), after=10)
    restarted = dispatcher.tell(ProbeAnswered(True, uptime_s=5.0))
    assert restarted.effects == [failed("t", "instance restarted")]


def test_what_was_accepted_while_a_restart_was_noticed_is_pushed_again_under_its_key() -> None:
    dispatcher = attending()
    dispatcher.tell(ProbeAnswered(True, uptime_s=100.0))
    dispatcher.tell(PushTask("t", 1, "a"))
    dispatcher.tell(ProbeAnswered(True, uptime_s=1.0), after=10)
    accepted = PushAnswered("t", 1, "accepted", sent_at=1008.5)
    assert dispatcher.tell(accepted).events == [PushDoubted("t", 1, 0, 1010.0, "instance restarted")]
    again = dispatcher.tell(TimePassed())
    assert PushToInstance(AT, "t", 1, "m") in again.effects
    assert dispatcher.tell(replace(accepted, sent_at=1010.0)).events == [PushAccepted("t", 1, "", 1010.0)]


@pytest.mark.parametrize("by_s", [3600.0, -3600.0], ids=["ahead", "back"])
def test_a_clock_that_jumps_costs_no_task_and_hides_no_restart(by_s: float) -> None:
    dispatcher = attending()
    dispatcher.tell(ProbeAnswered(True, uptime_s=100.0))
    accept(dispatcher, "before")
    dispatcher.now += by_s
    accept(dispatcher, "between")
    jumped = dispatcher.tell(ProbeAnswered(True, uptime_s=105.0, goes_on=True), after=5)
    assert jumped.events == [ClockJumped(dispatcher.now, by_s)]
    accept(dispatcher, "after")
    assert dispatcher.tell(ProbeAnswered(True, uptime_s=110.0), after=5) == NOTHING
    restarted = dispatcher.tell(ProbeAnswered(True, uptime_s=1.0), after=5)
    lost = [event.task_id for event in restarted.events if isinstance(event, FlightFailed)]
    assert lost == ["before", "between", "after"]


def test_a_first_uptime_shorter_than_a_flight_is_a_restart_too() -> None:
    dispatcher = attending()
    accept(dispatcher, "t")
    assert dispatcher.tell(ProbeAnswered(True, uptime_s=8.0), after=10).events == [InstanceHeard(1002.0)], "in doubt"
    dispatcher = attending()
    accept(dispatcher, "t")
    restarted = dispatcher.tell(ProbeAnswered(True, uptime_s=2.0), after=10)
    assert restarted.effects == [failed("t", "instance restarted")]


def test_a_push_answered_shortly_after_the_start_is_not_lost_by_rounding() -> None:
    dispatcher = attending()
    dispatcher.tell(ProbeAnswered(True, uptime_s=0.0))
    accept(dispatcher, "t")
    assert dispatcher.tell(ProbeAnswered(True, uptime_s=4.0), after=5) == NOTHING


def refuse(dispatcher: Dispatcher, task_id: str, *, is_fault: bool = True) -> Decision[DispatcherEvent]:
    dispatcher.tell(PushTask(task_id, 1, "a"))
    return dispatcher.tell(PushAnswered(task_id, 1, "refused", "500", is_fault=is_fault))


def test_an_instance_that_refuses_everything_counts_as_down_for_a_while() -> None:
    dispatcher = attending()
    accept(dispatcher, "running")
    refuse(dispatcher, "t1")
    refuse(dispatcher, "t2")
    dispatcher.tell(PushTask("doubtful", 1, "a"))
    reason = "3 pushes refused in a row, last: 500"
    assert refuse(dispatcher, "t3") == Decision(
        [
            FlightFailed("t3", 1, "refused: 500"),
            InstanceRefused(3, "500"),
            InstanceLost(reason, 1005.0),
            FlightFailed("doubtful", 1, f"instance down: {reason}"),
        ],
        [
            failed("t3", "refused: 500"),
            Send(SCHEDULER, InstanceWentDown("ti", reason)),
            failed("doubtful", f"instance down: {reason}"),
        ],
    )
    assert dispatcher.tell(ALIVE, after=4) == NOTHING
    assert dispatcher.tell(ALIVE, after=1).events == [InstanceRecovered()]
    assert "running" in dispatcher.state.flights, "what it has accepted stays with it"


def test_after_the_pause_one_more_refusal_doubles_it_and_an_acceptance_ends_it() -> None:
    dispatcher = attending()
    for task_id in ("t1", "t2", "t3"):
        refuse(dispatcher, task_id)
    dispatcher.tell(ALIVE, after=5)
    assert InstanceLost("4 pushes refused in a row, last: 500", 1015.0) in refuse(dispatcher, "t4").events
    dispatcher.tell(ALIVE, after=10)
    accept(dispatcher, "t5")
    assert refuse(dispatcher, "t6").events[-1] == InstanceRefused(1, "500")


def test_a_refusal_because_of_the_task_does_not_count_against_the_instance() -> None:
    dispatcher = attending()
    for task_id in ("t1", "t2", "t3", "t4"):
        assert refuse(dispatcher, task_id, is_fault=False).events == [FlightFailed(task_id, 1, "refused: 500")]
    assert dispatcher.state.is_up
