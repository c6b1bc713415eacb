"""How a flight ends: reported, failed or dropped. Whatever happens, its agent hears of it exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.addresses import agent
from actors.behaviour import Decision, Effect, Reply, Send
from actors.dispatcher.events import DispatcherEvent, FlightDropped, FlightFailed, ReportTaken
from actors.dispatcher.state import DispatcherState, Flight, Instance
from actors.errands import CancelOnInstance
from actors.messages.agent import AttemptFailed, TaskEnded
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import DropTask, Report
from actors.messages.scheduler import CANCEL


def take_report(state: DispatcherState, report: Report) -> Decision[DispatcherEvent]:
    """Hand the report to the task's agent, which decides what it is worth.

    The answer leaves with the commit that also holds the TaskEnded, or its outbox row: by then the report
    cannot be lost. It counts, as far as can be seen from here, where its attempt is in flight here.
    """
    flight = state.flights.get(report.task_id)
    run = (report.attempt, report.resumption)
    counted = flight is not None and (report.attempt == 0 or run == flight.run)
    ended = TaskEnded(
        report.task_id,
        report.attempt,
        state.ti_uuid,
        report.execution_ms,
        report.result,
        report.is_error,
        report.resumption,
    )
    answer = Reply(ReportAnswered(report.task_id, counted))
    if flight is not None and counted:
        return Decision((ReportTaken(report.task_id, flight.attempt),), (Send(agent(flight.agent_id), ended), answer))
    return Decision((), (Send(agent(report.agent_id), ended), answer) if report.agent_id else (answer,))


def drop(state: DispatcherState, message: DropTask) -> Decision[DispatcherEvent]:
    """Forget the flight, and tell the instance to stop where it can be told."""
    flight = state.flights.get(message.task_id)
    if flight is None or flight.run != (message.attempt, message.resumption):
        return Decision()
    dropped = FlightDropped(message.task_id, message.attempt, message.reason)
    return Decision((dropped,), cancel(state.instance, message.task_id, flight))


def cancel(instance: Instance | None, task_id: str, flight: Flight) -> Sequence[CancelOnInstance]:
    """Tell the instance to stop this run, where it can be told."""
    if instance is None or CANCEL not in instance.capabilities:
        return ()
    return (CancelOnInstance(instance.endpoint, task_id, flight.attempt, flight.resumption),)


def fail_all(
    state: DispatcherState, flights: Iterable[tuple[str, Flight]], reason: str
) -> tuple[list[DispatcherEvent], list[Effect]]:
    """These flights cannot end here any more: their agents may try elsewhere."""
    events: list[DispatcherEvent] = []
    effects: list[Effect] = []
    for task_id, flight in flights:
        events.append(FlightFailed(task_id, flight.attempt, reason))
        failed = AttemptFailed(task_id, flight.attempt, state.ti_uuid, reason, flight.resumption)
        effects.append(Send(agent(flight.agent_id), failed))
    return events, effects
