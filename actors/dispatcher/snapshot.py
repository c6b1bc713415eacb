"""A dispatcher's state as a tree of plain records, and back; what is loaded behaves as what was dumped."""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.dispatcher.state import DispatcherState, Flight, Instance


@dataclass(frozen=True, slots=True)
class DispatcherSnapshot:
    """The fields of DispatcherState, by their names."""

    instance: Instance | None
    is_up: bool
    down_reason: str
    down_until: float
    failures: int
    refusals: int
    booted_at: float | None
    probe_sent_at: float | None
    probe_due: float | None
    flights: dict[str, Flight]
    flight_deadlines: list[tuple[str, float]]


def dump(state: DispatcherState) -> DispatcherSnapshot:
    """A copy that later events do not change."""
    return DispatcherSnapshot(
        instance=state.instance,
        is_up=state.is_up,
        down_reason=state.down_reason,
        down_until=state.down_until,
        failures=state.failures,
        refusals=state.refusals,
        booted_at=state.booted_at,
        probe_sent_at=state.probe_sent_at,
        probe_due=state.probe_due,
        flights={task_id: replace(flight) for task_id, flight in state.flights.items()},
        flight_deadlines=state.flight_deadlines.items(),
    )


def load(ti_uuid: str, snapshot: DispatcherSnapshot) -> DispatcherState:
    """The state that was dumped. The snapshot's parts become the state's: it is not to be used again."""
    state = DispatcherState(
        ti_uuid=ti_uuid,
        instance=snapshot.instance,
        is_up=snapshot.is_up,
        down_reason=snapshot.down_reason,
        down_until=snapshot.down_until,
        failures=snapshot.failures,
        refusals=snapshot.refusals,
        booted_at=snapshot.booted_at,
        probe_sent_at=snapshot.probe_sent_at,
        probe_due=snapshot.probe_due,
        flights=snapshot.flights,
    )
    for task_id, due in snapshot.flight_deadlines:
        state.flight_deadlines.set(task_id, due)
    return state
