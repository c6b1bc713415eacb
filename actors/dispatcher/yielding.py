"""A run gives way: its instance is asked until it is heard, and what it leaves behind reaches its agent once."""

from __future__ import annotations

from collections.abc import Sequence

from actors.addresses import agent
from actors.behaviour import Decision, Effect, Reply, Send
from actors.dispatcher.events import DispatcherEvent, YieldAsked, YieldHeard, YieldTaken
from actors.dispatcher.flights import fail_all
from actors.dispatcher.state import DispatcherState, Flight, Instance, YieldAsk
from actors.errands import YieldOnInstance
from actors.messages.agent import AttemptYielded, NoteProgress, SparePreemption, YieldDeferred
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import AskToYield, ReportProgress, ReportYield, YieldAnswered
from actors.messages.scheduler import PREEMPT

LOST = "the instance does not have it any more"
NOTHING: Decision[DispatcherEvent] = Decision()


def ask(state: DispatcherState, message: AskToYield) -> Decision[DispatcherEvent]:
    """Ask the instance; once it has the task, where it has not yet.

    Where it cannot be asked after all (it was registered anew without the capability), the agent is told: a run that
    nobody asks must not be forced.
    """
    flight = state.flights.get(message.task_id)
    if flight is None or flight.run != (message.attempt, message.resumption):
        return NOTHING
    instance = state.instance
    if instance is not None and PREEMPT not in instance.capabilities:
        return Decision((), (Send(agent(flight.agent_id), SparePreemption(message.task_id, *flight.run)),))
    asked = YieldAsked(message.task_id, *flight.run, message.reason, message.grace_ms, message.terminate)
    if instance is None or flight.phase != "accepted":
        return Decision((asked,))
    words = YieldAsk(message.reason, message.grace_ms, message.terminate)
    return Decision((asked,), (_errand(instance, message.task_id, flight, words),))


def ask_again(instance: Instance, task_id: str, flight: Flight) -> Sequence[YieldOnInstance]:
    """What the instance has to be asked about this run, which it has accepted; nothing once it has heard."""
    if flight.ask is None or flight.ask.is_heard or PREEMPT not in instance.capabilities:
        return ()
    return (_errand(instance, task_id, flight, flight.ask),)


def ask_unheard(state: DispatcherState) -> Sequence[YieldOnInstance]:
    """What the instance has been asked, or was to be asked, and may not have heard."""
    if state.instance is None:
        return ()
    accepted = [(task_id, flight) for task_id, flight in state.flights.items() if flight.phase == "accepted"]
    return [errand for task_id, flight in accepted for errand in ask_again(state.instance, task_id, flight)]


def hear(state: DispatcherState, answer: YieldAnswered) -> Decision[DispatcherEvent]:
    """What came of asking. A run that the instance no longer has will be reported: there has been time for that when
    the last word is said, and what is still not reported then is lost."""
    flight = state.flights.get(answer.task_id)
    if flight is None or flight.run != (answer.attempt, answer.resumption) or answer.outcome == "unheard":
        return NOTHING
    if answer.outcome == "yielded":
        return _end(state, answer.task_id, flight, answer.execution_ms, answer.checkpoint)
    if answer.outcome == "gone" and flight.ask is not None and flight.ask.terminate:
        return Decision(*fail_all(state, [(answer.task_id, flight)], LOST))
    heard = YieldHeard(answer.task_id, *flight.run, answer.section, answer.deferred_ms)
    if answer.outcome == "gone" or answer.deferred_ms <= 0:
        return Decision((heard,))
    deferred = YieldDeferred(answer.task_id, *flight.run, answer.section, answer.deferred_ms)
    return Decision((heard,), (Send(agent(flight.agent_id), deferred),))


def take(state: DispatcherState, report: ReportYield) -> Decision[DispatcherEvent]:
    """A run says that it has given way. One that is not in flight here (any more) is only thanked."""
    flight = state.flights.get(report.task_id)
    if flight is None or flight.run != (report.attempt, report.resumption):
        return Decision((), (Reply(ReportAnswered(report.task_id, counted=False)),))
    end = _end(state, report.task_id, flight, report.execution_ms, report.checkpoint)
    return Decision(end.events, (*end.effects, Reply(ReportAnswered(report.task_id, counted=True))))


def pass_on(state: DispatcherState, report: ReportProgress) -> Decision[DispatcherEvent]:
    """How far a run in flight is, is its agent's to note."""
    flight = state.flights.get(report.task_id)
    counted = flight is not None and flight.run == (report.attempt, report.resumption)
    effects: list[Effect] = [Reply(ReportAnswered(report.task_id, counted))]
    if flight is not None and counted:
        note = NoteProgress(report.task_id, *flight.run, report.activity, report.progress, report.checkpoint)
        effects.insert(0, Send(agent(flight.agent_id), note))
    return Decision((), effects)


def _end(
    state: DispatcherState, task_id: str, flight: Flight, execution_ms: float, checkpoint: bytes
) -> Decision[DispatcherEvent]:
    yielded = AttemptYielded(task_id, *flight.run, state.ti_uuid, execution_ms, checkpoint)
    return Decision((YieldTaken(task_id, *flight.run),), (Send(agent(flight.agent_id), yielded),))


def _errand(instance: Instance, task_id: str, flight: Flight, words: YieldAsk) -> YieldOnInstance:
    return YieldOnInstance(
        instance.endpoint, task_id, *flight.run, words.reason, words.grace_ms, terminate=words.terminate
    )
