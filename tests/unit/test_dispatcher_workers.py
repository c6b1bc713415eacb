"""A dispatcher of an attached worker: another process under the same id has lost what the first was running."""

from __future__ import annotations

from actors.addresses import agent
from actors.behaviour import Send
from actors.dispatcher import DispatcherEvent, DispatcherPolicy, DispatcherState, dispatcher_behaviour
from actors.errands import Endpoint, PushToInstance
from actors.messages.agent import AttemptFailed
from actors.messages.dispatcher import AttendInstance, DispatcherMessage, PushAnswered, PushTask
from actors.messages.runtime import TimePassed
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


def test_what_another_process_had_taken_is_lost_and_what_is_in_doubt_goes_to_the_new_one() -> None:
    dispatcher = attending()
    told = dispatcher.tell(attend("second"))
    assert Send(agent("a"), AttemptFailed("taken", 1, "ti", "worker restarted")) in told.effects
    assert list(dispatcher.state.flights) == ["doubted"]
    again = dispatcher.tell(TimePassed(), after=5)
    assert PushToInstance(Endpoint("w", 0, "worker"), "doubted", 1, "agent:a") in again.effects


def test_the_same_process_over_a_new_connection_has_lost_nothing() -> None:
    dispatcher = attending()
    told = dispatcher.tell(attend("first"))
    assert not [effect for effect in told.effects if isinstance(effect, Send)]
    assert set(dispatcher.state.flights) == {"taken", "doubted"}


def test_a_restart_of_the_scheduler_does_not_forget_which_process_it_was() -> None:
    dispatcher = attending()
    dispatcher.restart()
    assert not [e for e in dispatcher.tell(attend("first")).effects if isinstance(e, Send)]
