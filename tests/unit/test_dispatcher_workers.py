"""A dispatcher of an attached worker: another process under the same id has lost what the first was running."""

from __future__ import annotations

from actors.addresses import agent
from actors.behaviour import Send
from actors.dispatcher import DispatcherEvent, DispatcherPolicy, DispatcherState, dispatcher_behaviour
from actors.errands import CancelOnInstance, Endpoint
from actors.messages.agent import AttemptFailed
from actors.messages.dispatcher import AttendInstance, DispatcherMessage, PushAnswered, PushTask
from tests.driving import Driven

Dispatcher = Driven[DispatcherState, DispatcherMessage, DispatcherEvent]


def attend(incarnation: str) -> AttendInstance:
    return AttendInstance("ti", "w", 0, "agent:a", 2, "worker", ("cancel",), incarnation)


def attending() -> Dispatcher:
    dispatcher: Dispatcher = Driven(dispatcher_behaviour(DispatcherPolicy()), "ti")
    dispatcher.tell(attend("first"))
    dispatcher.tell(PushTask("taken", 1, "a"))
    dispatcher.tell(PushAnswered("taken", 1, "accepted"))
    dispatcher.tell(PushTask("doubted", 1, "a"))
    dispatcher.tell(PushAnswered("doubted", 1, "unknown"))
    return dispatcher


def test_what_was_pushed_to_another_process_is_lost_whether_it_had_taken_it_or_not() -> None:
    dispatcher = attending()
    dispatcher.tell(PushTask("pushed", 3, "b"))
    told = dispatcher.tell(attend("second"))
    lost = [effect for effect in told.effects if isinstance(effect, Send) and isinstance(effect.message, AttemptFailed)]
    assert lost == [
        Send(agent("a"), AttemptFailed("taken", 1, "ti", "worker restarted")),
        Send(agent("a"), AttemptFailed("doubted", 1, "ti", "worker restarted")),
        Send(agent("b"), AttemptFailed("pushed", 3, "ti", "worker restarted")),
    ]
    assert not dispatcher.state.flights
    assert not dispatcher.state.flight_deadlines


def test_a_push_that_reaches_another_process_than_it_was_meant_for_is_stopped_there() -> None:
    dispatcher = attending()
    dispatcher.tell(PushTask("pushed", 3, "b"))
    told = dispatcher.tell(attend("second"))
    stopped = [effect for effect in told.effects if isinstance(effect, CancelOnInstance)]
    worker = Endpoint("w", 0, "worker")
    assert stopped == [CancelOnInstance(worker, "doubted", 1), CancelOnInstance(worker, "pushed", 3)]
    late = dispatcher.tell(PushAnswered("pushed", 3, "accepted"))
    assert not late.events
    assert not late.effects


def test_the_same_process_over_a_new_connection_has_lost_nothing() -> None:
    dispatcher = attending()
    told = dispatcher.tell(attend("first"))
    assert not [effect for effect in told.effects if isinstance(effect, Send)]
    assert set(dispatcher.state.flights) == {"taken", "doubted"}


def test_a_restart_of_the_scheduler_does_not_forget_which_process_it_was() -> None:
    dispatcher = attending()
    dispatcher.restart()
    assert not [e for e in dispatcher.tell(attend("first")).effects if isinstance(e, Send)]
