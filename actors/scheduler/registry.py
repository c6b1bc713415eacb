"""The registry of TaskInstances: coming, going, down and up again."""

from __future__ import annotations

from actors import addresses
from actors.behaviour import Decision, Now, Received, Reply, Send
from actors.messages.answers import InstanceAccepted, InstanceRemoval, Refused, StrategySet
from actors.messages.dispatcher import AttendInstance, ReleaseInstance
from actors.messages.scheduler import (
    InstanceCameUp,
    InstanceWentDown,
    RegisterInstance,
    RemoveInstance,
    SetStrategy,
)
from actors.scheduler import agents, openings
from actors.scheduler import events as ev
from actors.scheduler.instance import Instance
from actors.scheduler.order_names import ORDERS, find_order
from actors.scheduler.placement import Spread, choose_tentative
from actors.scheduler.pools import pool_of_instance
from actors.scheduler.state import SchedulerState, TaskEntry
from actors.scheduler.strategies import find_strategy

ABSENCE_S = 300.0
"""How long a worker that is down is kept (s): longer than one that is still connected can count as down."""


def register(state: SchedulerState, received: Received[RegisterInstance]) -> Decision[ev.SchedulerEvent]:
    """Add an instance; one that is registered at this address already keeps its id and gets the new data."""
    message = received.message
    known = state.instance_at(message.host, message.port)
    ti_uuid = known.ti_uuid if known else message.ti_uuid
    event = ev.InstanceRegistered(
        ti_uuid,
        message.host,
        message.port,
        message.model_name,
        message.capacity,
        message.protocol,
        message.capabilities,
    )
    attend = AttendInstance(
        ti_uuid,
        message.host,
        message.port,
        message.model_name,
        message.capacity,
        message.protocol,
        message.capabilities,
    )
    return enlist(state, known, event, attend, Reply(InstanceAccepted(ti_uuid, message.model_name)), received.chance)


def enlist(
    state: SchedulerState,
    known: Instance | None,
    event: ev.InstanceRegistered,
    attend: AttendInstance,
    answer: Reply,
    chance: float,
) -> Decision[ev.SchedulerEvent]:
    """Record the instance, have it looked after, and give it what it can start; `known` is what it was before."""
    pool = pool_of_instance(event.protocol, event.model_name)
    has_left = known is not None and known.pool != pool
    moved = _leave_pool(state, known, chance) if known is not None and has_left else []
    left = agents.told_of(state, known.pool, known.ti_uuid, "draining") if known is not None and has_left else []
    return Decision(
        events=[event, *moved],
        effects=[
            answer,
            Send(addresses.dispatcher(event.ti_uuid), attend),
            *left,
            *agents.told_of(state, pool, event.ti_uuid, "up"),
            *openings.after_change(state, state.pools.keys() | {pool}),
        ],
    )


def remove(state: SchedulerState, received: Received[RemoveInstance]) -> Decision[ev.SchedulerEvent]:
    """Let the instance finish what it holds; what waits for it goes to others."""
    message = received.message
    instance = state.instance_at(message.host, message.port)
    if instance is None:
        return Decision(effects=[Reply(InstanceRemoval(None))])
    return dismiss(state, instance, received.chance)


def dismiss(state: SchedulerState, instance: Instance, chance: float) -> Decision[ev.SchedulerEvent]:
    """Give the instance nothing more; it goes once it holds nothing."""
    moved = _leave_pool(state, instance, chance)
    gone, release = removal_when_empty(instance, leaving="", draining=True)
    return Decision(
        events=[ev.InstanceDrainBegan(instance.ti_uuid), *moved, *gone],
        effects=[
            Reply(InstanceRemoval(instance.ti_uuid)),
            *release,
            *agents.told_of(state, instance.pool, instance.ti_uuid, "draining"),
            *openings.after_change(state, state.pools.keys()),
        ],
    )


def removal_when_empty(
    instance: Instance, *, leaving: str, draining: bool = False
) -> tuple[list[ev.SchedulerEvent], list[Send]]:
    """The end of a draining instance, once its last task (`leaving`) is gone; nothing for any other."""
    if not (draining or instance.condition == "draining") or instance.in_flight - {leaving}:
        return [], []
    return [ev.InstanceRemoved(instance.ti_uuid)], [Send(addresses.dispatcher(instance.ti_uuid), ReleaseInstance())]


def after_leaving(state: SchedulerState, entry: TaskEntry) -> tuple[list[ev.SchedulerEvent], list[Send]]:
    """What the leaving of this task ends: a draining instance that held nothing else."""
    instance = state.instances.get(entry.ti_uuid)
    if instance is None:
        return [], []
    return removal_when_empty(instance, leaving=entry.spec.task_id)


def moves_from_leaving(state: SchedulerState, entry: TaskEntry, chance: float) -> list[ev.TaskMoved]:
    """A running task comes back: is it still meant for its instance, or has that left the pool, or is leaving?"""
    instance, pool = state.instances.get(entry.ti_uuid), state.serving_pool(entry.pools)
    if instance is not None and instance.condition != "draining" and instance.pool == pool:
        return []
    return [ev.TaskMoved(entry.spec.task_id, choose_tentative(state, pool, chance, entry.spec))]


def mark_down(state: SchedulerState, message: InstanceWentDown, now: Now) -> Decision[ev.SchedulerEvent]:
    """Give it nothing more. What it holds comes back through the agents.

    A TaskInstance is down until it answers or is removed; a worker, which would attach by itself, is given up one day.
    """
    instance = state.instances.get(message.ti_uuid)
    if instance is None or instance.condition != "up":
        return Decision()
    forget_at = now + ABSENCE_S if instance.protocol == "worker" else None
    return Decision(
        events=[ev.InstanceMarkedDown(message.ti_uuid, message.reason, forget_at)],
        effects=[
            *agents.told_of(state, instance.pool, instance.ti_uuid, "down"),
            *openings.after_change(state, {instance.pool}),
            *openings.after_falling(state, instance.pool),
        ],
    )


def mark_up(state: SchedulerState, message: InstanceCameUp) -> Decision[ev.SchedulerEvent]:
    """Its credits count again."""
    instance = state.instances.get(message.ti_uuid)
    if instance is None or instance.condition != "down":
        return Decision()
    return Decision(
        events=[ev.InstanceMarkedUp(message.ti_uuid)],
        effects=[
            *agents.told_of(state, instance.pool, instance.ti_uuid, "up"),
            *openings.after_change(state, {instance.pool}),
        ],
    )


def set_strategy(state: SchedulerState, message: SetStrategy) -> Decision[ev.SchedulerEvent]:
    """Change the strategy from the next placement on, and the order of the line from the next admission on."""
    known = state.known_strategies
    strategy, order = find_strategy(message.name, known), find_order(message.order)
    if not message.name and not message.order:
        return _invalid("neither a strategy nor an order is named")
    if message.name and strategy is None:
        return _invalid(f"unknown strategy {message.name!r}; known are {', '.join(known)}")
    if message.order and order is None:
        return _invalid(f"unknown order {message.order!r}; known are {', '.join(ORDERS)}")
    model = message.model_name
    events: list[ev.SchedulerEvent] = [ev.StrategyChosen(strategy.name, model)] if strategy is not None else []
    events += [ev.OrderChosen(order, model)] if order is not None else []
    in_force = (strategy or state.strategy(model)).name, order or state.order(model)
    waiting = [pool.name for pool in state.pools.values() if len(pool.line)] if strategy is not None else []
    answer = Reply(StrategySet(in_force[0], model, in_force[1]))
    # What one strategy leaves idle, another may start on.
    return Decision(events=events, effects=[answer, *openings.in_pools(waiting)])


def _invalid(reason: str) -> Decision[ev.SchedulerEvent]:
    return Decision(effects=[Reply(Refused("invalid", reason))])


def _leave_pool(state: SchedulerState, instance: Instance, chance: float) -> list[ev.TaskMoved]:
    """The instance leaves its pool: who waits for it is meant for others, spread over them as if newly come."""
    spreads: dict[str, Spread] = {}
    moved = []
    for task_id, entry in state.tasks.items():
        if entry.ti_uuid or entry.tentative != instance.ti_uuid:
            continue
        name = state.serving_pool(entry.pools, leaving=instance.ti_uuid)
        spread = spreads.get(name)
        if spread is None:
            spread = spreads[name] = Spread(state, name, chance, leaving=instance.ti_uuid)
        moved.append(ev.TaskMoved(task_id, spread.next(entry.spec)))
    return moved
