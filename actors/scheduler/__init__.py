"""The scheduler: what runs next, and where? One actor; it owns the lines, the instances' credits, slots and scopes.

Files: `state` (what it knows), `events` (what it remembers), `decisions` with `admission`, `registry`,
`placement`, `queues`, `openings`, `reasons`, `activity`, `preemption` and `room` (what it decides), `evolution` with
`lines`, `fair_lines`, `claims` and `yielders` (how the state changes), and small pure structures and policies:
`waiting_line`, `orders` with `order_names`, `line_rules`, `fair_line`, `fair_shares` and `slowdowns`, `scopes`,
`strategies`, `prediction`, `pools`, `activity_room`, `victims`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from actors.behaviour import Behaviour
from actors.messages.scheduler import SchedulerMessage, SubmitTask
from actors.scheduler.activity_room import ActivityRoom
from actors.scheduler.decisions import decide
from actors.scheduler.events import SchedulerEvent
from actors.scheduler.evolution import evolve
from actors.scheduler.line_rules import LineRules
from actors.scheduler.pools import pool_of_model
from actors.scheduler.prediction import LookupTable, Predictions
from actors.scheduler.snapshot import SchedulerKept, dump, load
from actors.scheduler.state import PlacementRules, PreemptionRules, SchedulerState

__all__ = ["LineRules", "PlacementRules", "PreemptionRules", "SchedulerPolicy", "SchedulerState", "scheduler_behaviour"]


@dataclass(frozen=True, slots=True)
class SchedulerPolicy:
    """Slots of agents: how many tasks each runs at once, `agent_slots` where `slots_of` does not say.

    `activity_per_agent` and `activity_total` are the most entries in activity buffers. `tables` are execution times
    that somebody has measured, by model.
    """

    agent_slots: int = 1
    slots_of: Mapping[str, int] = field(default_factory=dict)
    activity_per_agent: int = 100
    activity_total: int = 10_000
    preemption: PreemptionRules = field(default_factory=PreemptionRules)
    tables: Mapping[str, LookupTable] = field(default_factory=dict)
    lines: LineRules = field(default_factory=LineRules)
    placement: PlacementRules = field(default_factory=PlacementRules)


def _next_due(state: SchedulerState) -> float | None:
    deadlines = (state.delayed, state.absent, state.protected, state.deferred)
    dues = [due for kind in deadlines if (due := kind.earliest()) is not None]
    return min(dues, default=None)


def _recall(message: SchedulerMessage) -> str | None:
    if isinstance(message, SubmitTask) and not message.id_is_fresh:
        return message.spec.task_id
    return None


def scheduler_behaviour(
    policy: SchedulerPolicy,
) -> Behaviour[SchedulerState, SchedulerMessage, SchedulerEvent]:
    """The scheduler under this policy."""

    def initial(_: str) -> SchedulerState:
        room = ActivityRoom(policy.activity_per_agent, policy.activity_total)
        tables = {pool_of_model(model_name): table for model_name, table in policy.tables.items()}
        return SchedulerState(
            dict(policy.slots_of),
            policy.agent_slots,
            room,
            rules=policy.preemption,
            line_rules=policy.lines,
            placement=policy.placement,
            predictions=Predictions(tables),
        )

    return Behaviour(
        initial=initial,
        decide=decide,
        evolve=evolve,
        next_due=_next_due,
        dump=dump,
        load=lambda key, kept: load(initial(key), kept),
        snapshot_type=SchedulerKept,
        event_types=get_args(SchedulerEvent),
        recall=_recall,
    )
