"""How each event changes a dispatcher: the only writer of its state."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from actors.dispatcher.events import (
    ClockJumped,
    DispatcherEvent,
    FlightDropped,
    FlightFailed,
    InstanceAttended,
    InstanceHeard,
    InstanceLost,
    InstanceMissed,
    InstanceRecovered,
    InstanceRefused,
    InstanceReleased,
    InstanceRestarted,
    ProbeAdvanced,
    ProbeSent,
    PushAccepted,
    PushBegan,
    PushDoubted,
    PushHeld,
    PushRepeated,
    ReportTaken,
    YieldAsked,
    YieldHeard,
    YieldTaken,
)
from actors.dispatcher.state import DispatcherState, Flight, FlightPhase, Instance, YieldAsk
from actors.errands import Endpoint


def evolve(state: DispatcherState, event: DispatcherEvent) -> None:
    """Apply one event."""
    match event:
        case PushBegan() | PushHeld() | PushAccepted() | PushDoubted() | PushRepeated():
            _evolve_push(state, event)
        case ReportTaken() | FlightFailed() | FlightDropped() | YieldTaken():
            state.flights.pop(event.task_id, None)
            state.flight_deadlines.cancel(event.task_id)
        case YieldAsked():
            state.flights[event.task_id].ask = YieldAsk(event.reason, event.grace_ms, event.terminate)
        case YieldHeard():
            flight = state.flights[event.task_id]
            if flight.ask is not None:
                flight.ask = replace(flight.ask, is_heard=True)
        case ProbeSent():
            state.probe_sent_at, state.probe_due = event.at, event.due
        case ProbeAdvanced():
            state.probe_due = event.due
        case _:
            _evolve_instance(state, event)


def _evolve_push(
    state: DispatcherState, event: PushBegan | PushHeld | PushAccepted | PushDoubted | PushRepeated
) -> None:
    match event:
        case PushBegan():
            state.flights[event.task_id] = _new_flight(event, "pushing")
            state.flight_deadlines.cancel(event.task_id)
        case PushHeld():
            state.flights[event.task_id] = _new_flight(event, "held")
            state.flight_deadlines.set(event.task_id, event.due)
        case PushAccepted():
            flight = state.flights[event.task_id]
            flight.phase, flight.remote_id, flight.accepted_at = "accepted", event.remote_id, event.at
            state.refusals = 0
            state.flight_deadlines.cancel(event.task_id)
        case PushDoubted():
            flight = state.flights[event.task_id]
            flight.phase, flight.tries = "unknown", event.tries
            state.flight_deadlines.set(event.task_id, event.due)
        case PushRepeated():
            flight = state.flights[event.task_id]
            flight.phase, flight.saw_restart = "pushing", False
            state.flight_deadlines.cancel(event.task_id)
        case _:
            assert_never(event)


def _new_flight(event: PushBegan | PushHeld, phase: FlightPhase) -> Flight:
    return Flight(event.attempt, event.agent_id, phase, resumption=event.resumption)


def _evolve_instance(
    state: DispatcherState,
    event: InstanceAttended
    | InstanceReleased
    | InstanceMissed
    | InstanceRefused
    | InstanceHeard
    | InstanceRestarted
    | ClockJumped
    | InstanceLost
    | InstanceRecovered,
) -> None:
    match event:
        case InstanceAttended():
            endpoint = Endpoint(event.host, event.port, event.protocol)
            state.instance = Instance(endpoint, event.model_name, event.capacity, event.capabilities, event.incarnation)
            state.refusals = 0
            _count_as_up(state)
        case InstanceReleased():
            state.instance = state.probe_due = state.booted_at = None
            _count_as_up(state)
        case InstanceMissed():
            state.failures = event.failures
        case InstanceRefused():
            state.refusals = event.refusals
        case InstanceHeard():
            state.failures = 0
            state.booted_at = state.booted_at if event.booted_at is None else event.booted_at
        case InstanceRestarted():
            state.failures, state.booted_at = 0, event.booted_at
            for flight in state.flights.values():
                flight.saw_restart = flight.phase == "pushing"
        case ClockJumped():
            began = (state.booted_at or 0.0) + event.by_s
            state.failures, state.booted_at = 0, began
            for flight in state.flights.values():
                if flight.accepted_at is not None:  # before the jump, or by the new time already
                    flight.accepted_at = min(max(flight.accepted_at + event.by_s, began), event.at)
        case InstanceLost():
            state.is_up, state.down_reason, state.down_until = False, event.reason, event.until
        case InstanceRecovered():
            _count_as_up(state)
        case _:
            assert_never(event)


def _count_as_up(state: DispatcherState) -> None:
    state.is_up, state.down_reason, state.down_until, state.failures = True, "", 0.0, 0
