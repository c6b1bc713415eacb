"""What a dispatcher knows: its instance, how that one is, and the tasks it has in flight there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from actors.deadlines import Deadlines
from actors.errands import Endpoint

FlightPhase: TypeAlias = Literal["held", "pushing", "unknown", "accepted"]
"""`held`: waits for AttendInstance. `pushing`: the errand is under way. `unknown`: sent, no answer, to be repeated."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The TaskInstance as it was registered."""

    endpoint: Endpoint
    model_name: str
    capacity: int
    capabilities: tuple[str, ...] = ()
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class YieldAsk:
    """The run has been asked to give way within `grace_ms`; `is_heard` once the instance has answered that it knows."""

    reason: str
    grace_ms: int
    terminate: bool = False
    is_heard: bool = False


@dataclass(slots=True)
class Flight:
    """One run of a task, from the agent's word to the report or the failure.

    `tries` counts the pushes of unknown outcome. `accepted_at` is Unix seconds, None before. `ask` is there once
    the run has to give way. `saw_restart`: the instance was started anew while the push was under way.
    """

    attempt: int
    agent_id: str
    phase: FlightPhase
    tries: int = 0
    remote_id: str = ""
    accepted_at: float | None = None
    resumption: int = 0
    ask: YieldAsk | None = None
    saw_restart: bool = False

    @property
    def run(self) -> tuple[int, int]:
        """What tells this run of the task from every other; later ones are greater."""
        return self.attempt, self.resumption


@dataclass(slots=True)
class DispatcherState:
    """Everything a dispatcher decides by. Times are Unix seconds.

    `flight_deadlines` has one entry for each flight that is held or unknown and no other. `failures` counts
    what failed in a row, `refusals` the pushes it refused through its own fault in a row.
    `booted_at` is what the instance's uptime implies, None where it does not tell.
    """

    ti_uuid: str
    instance: Instance | None = None
    is_up: bool = True
    down_reason: str = ""
    down_until: float = 0.0
    failures: int = 0
    refusals: int = 0
    booted_at: float | None = None
    probe_sent_at: float | None = None
    probe_due: float | None = None
    flights: dict[str, Flight] = field(default_factory=dict)
    flight_deadlines: Deadlines = field(default_factory=Deadlines)

    def check(self) -> None:
        """Raise AssertionError where a promise of this state is broken; tests call it after every step."""
        waiting = {task_id for task_id, flight in self.flights.items() if flight.phase in ("held", "unknown")}
        timed = {task_id for task_id, _ in self.flight_deadlines.items()}
        assert waiting == timed, f"waiting {waiting}, but timed {timed}"
        phases = {flight.phase for flight in self.flights.values()}
        if self.instance is None:
            assert phases <= {"held"}, f"flights {phases} at no instance"
            assert self.probe_due is None, "probes nothing"
        else:
            assert "held" not in phases, "holds a task though it knows its instance"
            assert self.probe_due is not None, "does not probe its instance"
            assert self.is_up or phases <= {"accepted"}, f"flights {phases} at an instance that is down"


def is_blank(state: DispatcherState) -> bool:
    """Whether there is no instance to look after, nor a task that waits for one."""
    return state.instance is None and not state.flights


def next_due(state: DispatcherState) -> float | None:
    """When the dispatcher wants to be woken, in Unix seconds."""
    dues = [due for due in (state.flight_deadlines.earliest(), state.probe_due) if due is not None]
    return min(dues, default=None)
