"""The scheduler's state as plain data and back. Lines, pools and slots are derived, and built anew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from actors.messages.answers import InstanceCondition
from actors.scheduler import claims, yielders
from actors.scheduler.events import InstanceRegistered
from actors.scheduler.evolution import evolve
from actors.scheduler.fair_line import FairLine
from actors.scheduler.fair_shares import FairShares
from actors.scheduler.prediction import Learnt
from actors.scheduler.slowdowns import Served, Slowdowns
from actors.scheduler.state import SchedulerState, TaskEntry


@dataclass(frozen=True, slots=True)
class InstanceKept:
    """An instance and how it is; `turn` is for strategies that take turns."""

    registered: InstanceRegistered
    condition: InstanceCondition
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class ClosingKept:
    """Until when what ran may have finished (Unix seconds), and the workers that were told to leave."""

    until: float
    dismissed: list[str]


@dataclass(frozen=True, slots=True)
class FairKept:
    """The fair line of a model and level: finish tags, and how clients were served, by client."""

    model_name: str
    level: int
    virtual: float
    waiting: int
    finishes: dict[str, float]
    slowdowns: float = 0.0
    served: dict[str, Served] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchedulerKept:
    """The whole state, tasks in order of arrival. `delayed` are task ids with the time they may start at.

    `absent` are workers that are down, with the time they are forgotten at. `closings` says more of `closed_agents`.
    `parked` says of tasks that wait for a scope behind which other they do.
    """

    arrivals: int
    strategies: dict[str, str]
    instances: list[InstanceKept]
    tasks: list[TaskEntry]
    delayed: list[tuple[str, float]]
    closed_agents: list[str]
    rotations: dict[str, int]
    absent: list[tuple[str, float]] = field(default_factory=list)
    activity_refused: int = 0
    activity_nearly_full: list[str] = field(default_factory=list)
    closings: dict[str, ClosingKept] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    deferred: list[tuple[str, float]] = field(default_factory=list)
    learnt: Learnt = field(default_factory=Learnt)
    orders: dict[str, str] = field(default_factory=dict)
    fair: list[FairKept] = field(default_factory=list)
    admitted_at: float = 0.0


def dump(state: SchedulerState) -> SchedulerKept:
    """The state as plain data."""
    return SchedulerKept(
        arrivals=state.arrivals,
        strategies=dict(state.strategies),
        instances=[
            InstanceKept(
                InstanceRegistered(
                    i.ti_uuid, i.host, i.port, i.model_name, i.capacity, i.protocol, i.capabilities, i.incarnation
                ),
                i.condition,
                i.turn,
            )
            for i in state.instances.values()
        ],
        tasks=list(state.tasks.values()),
        delayed=state.delayed.items(),
        closed_agents=[agent.agent_id for agent in state.agents.values() if agent.closed],
        rotations={pool.name: pool.rotation for pool in state.pools.values() if pool.instances},
        absent=state.absent.items(),
        activity_refused=state.activity.refused,
        activity_nearly_full=sorted(state.activity.nearly_full),
        closings={
            agent.agent_id: ClosingKept(agent.closed_until, sorted(agent.dismissed))
            for agent in state.agents.values()
            if agent.closed
        },
        parked=dict(sorted(state.claims.parked.items())),
        deferred=state.deferred.items(),
        learnt=state.predictions.learnt,
        orders=dict(state.orders),
        fair=[
            FairKept(
                *line,
                fair.shares.virtual,
                fair.shares.waiting,
                fair.shares.finishes,
                fair.slowdowns.total,
                dict(fair.slowdowns.clients),
            )
            for line, fair in sorted(state.fair.items(), key=lambda item: item[0])
        ],
        admitted_at=state.admitted_at,
    )


def load(state: SchedulerState, kept: SchedulerKept) -> SchedulerState:
    """Fill a new state with what was kept."""
    state.arrivals, state.strategies, state.predictions.learnt = kept.arrivals, dict(kept.strategies), kept.learnt
    state.orders, state.admitted_at = dict(kept.orders), kept.admitted_at
    for fair in kept.fair:
        state.fair[fair.model_name, fair.level] = FairLine(
            FairShares(fair.virtual, fair.waiting, fair.finishes), Slowdowns(fair.slowdowns, fair.served)
        )
    for name, rotation in kept.rotations.items():
        state.pool(name).rotation = rotation
    for instance in kept.instances:
        evolve(state, instance.registered)
        known = state.instances[instance.registered.ti_uuid]
        known.condition, known.turn = instance.condition, instance.turn
        state.note(known)
    for ti_uuid, forget_at in kept.absent:
        state.absent.set(ti_uuid, forget_at)
    for agent_id in kept.closed_agents:
        state.agent(agent_id).closed = True
    for agent_id, closing in kept.closings.items():
        agent = state.agent(agent_id)
        agent.closed_until, agent.dismissed = closing.until, frozenset(closing.dismissed)
    for entry in kept.tasks:
        entry.key = entry.key or float(entry.arrival)
        entry.level, entry.set_back = state.line_rules.standing(entry.spec.priority)
        state.tasks[entry.spec.task_id] = entry
        if entry.ti_uuid:
            _resume_place(state, entry)
        if entry.reserved:
            state.instances[entry.reserved].reserved.add(entry.spec.task_id)
        if entry.spec.has_own_agent:
            _resume_activity(state, entry)
    state.activity.refused, state.activity.nearly_full = kept.activity_refused, set(kept.activity_nearly_full)
    for pool_name, until in kept.deferred:
        state.deferred.set(pool_name, until)
    for task_id, not_before in kept.delayed:
        state.delayed.set(task_id, not_before)
    for entry in kept.tasks:
        if not entry.ti_uuid and entry.spec.task_id not in state.delayed:
            claims.enter(state, replace_pool(state, entry))
    claims.park_as_before(state, kept.parked)
    return state


def replace_pool(state: SchedulerState, entry: TaskEntry) -> TaskEntry:
    """The entry, standing in the state, in the pool that serves it now."""
    current = replace(entry, pool=state.serving_pool(entry.pools))
    state.tasks[entry.spec.task_id] = current
    return current


def _resume_place(state: SchedulerState, entry: TaskEntry) -> None:
    instance = state.instances.get(entry.ti_uuid)
    if instance is not None:
        instance.in_flight.add(entry.spec.task_id)
        state.note(instance)
    state.running += 1
    claims.hold(state, entry)
    if entry.is_protected:
        state.protected.set(entry.spec.task_id, entry.bound_at + state.rules.min_run_s)
    yielders.consider(state, entry, instance)
    if entry.spec.has_own_agent:
        state.agent(entry.spec.agent_id).busy.add(entry.spec.task_id)


def _resume_activity(state: SchedulerState, entry: TaskEntry) -> None:
    if entry.has_entry:
        state.activity.take(entry.spec.agent_id)
    else:
        state.activity.wait(entry.spec.agent_id, entry.spec.task_id, entry.arrival)
