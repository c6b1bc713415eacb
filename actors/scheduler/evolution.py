"""How the scheduler's state changes: one small step an event, the only place that writes it."""

from __future__ import annotations

from typing import assert_never

from actors.messages.answers import InstanceCondition
from actors.scheduler import claims, explaining, fair_lines, lines, turn_taking, yielders
from actors.scheduler import events as ev
from actors.scheduler.instance import Instance
from actors.scheduler.pools import pool_of_instance
from actors.scheduler.state import SchedulerState, TaskEntry
from actors.task_lifecycle import TaskState


def evolve(state: SchedulerState, event: ev.SchedulerEvent) -> None:
    """Apply one event."""
    match event:
        case ev.TaskQueued():
            _task_queued(state, event)
        case ev.TaskBound():
            _task_bound(state, event)
        case ev.TaskClosed():
            _task_closed(state, event)
        case ev.TaskRequeued():
            _task_requeued(state, event)
        case ev.TaskReadied():
            state.delayed.cancel(event.task_id)
            claims.enter(state, state.tasks[event.task_id])
        case ev.TaskMoved():
            turn_taking.give(state, state.tasks[event.task_id].pool, event.scheduled_ti)
            lines.retarget(state, state.tasks[event.task_id], event.scheduled_ti)
        case ev.InstanceRegistered():
            _instance_registered(state, event)
        case ev.InstanceDrainBegan():
            _turn(state, event.ti_uuid, "draining")
            state.absent.cancel(event.ti_uuid)
            claims.review(state)
        case ev.InstanceRemoved():
            _instance_removed(state, event.ti_uuid)
        case ev.InstanceMarkedDown():
            _turn(state, event.ti_uuid, "down")
            if event.forget_at is not None:
                state.absent.set(event.ti_uuid, event.forget_at)
            claims.review(state)
        case ev.InstanceMarkedUp():
            _turn(state, event.ti_uuid, "up")
            state.absent.cancel(event.ti_uuid)
            claims.review(state)
        case ev.StrategyChosen():
            _strategy_chosen(state, event)
        case ev.OrderChosen():
            if not event.model_name:
                state.orders.clear()
            state.orders[event.model_name] = event.name
        case ev.AgentClosed():
            agent = state.agent(event.agent_id)
            agent.closed, agent.closed_until = True, event.until
            agent.dismissed |= frozenset(event.dismissed)
            lines.fill_slots(state, agent)
            claims.review(state)
        case ev.AgentReopened():
            agent = state.agent(event.agent_id)
            agent.closed, agent.closed_until, agent.dismissed = False, 0.0, frozenset()
            lines.fill_slots(state, agent)
            claims.review(state)
            lines.forget_idle(state, event.agent_id)
        case ev.PreemptionQueued():
            entry = state.tasks[event.task_id]
            entry.cannot_give_way = bool(entry.ti_uuid)
        case ev.StartsDeferred():
            state.deferred.set(event.pool, event.until)
        case ev.DeferralEnded():
            state.deferred.cancel(event.pool)
        case ev.PreemptionStarted():
            yielders.ask(state, event)
        case ev.PreemptionWithdrawn():
            yielders.spare_for(state, state.tasks[event.for_task])
        case ev.TaskSuspended():
            _task_suspended(state, event)
        case ev.ProtectionEnded():
            yielders.end_protection(state, event.task_id)
        case ev.EntryRefused():
            entry = state.tasks[event.task_id]
            entry.has_entry = False
            state.activity.free(event.agent_id)
            state.activity.wait(event.agent_id, event.task_id, entry.arrival)
            state.activity.refused += 1
        case ev.EntryGranted():
            state.tasks[event.task_id].has_entry = True
            state.activity.leave(event.agent_id, event.task_id)
            state.activity.take(event.agent_id)
        case ev.ActivityRoomLow():
            state.activity.nearly_full.add(event.agent_id)
        case ev.ActivityRoomEased():
            state.activity.nearly_full.discard(event.agent_id)
        case _:
            assert_never(event)


def _task_queued(state: SchedulerState, event: ev.TaskQueued) -> None:
    state.arrivals += 1
    pool = state.pool(state.serving_pool(event.pools))
    if pool.instances:
        pool.rotation += 1
        turn_taking.give(state, pool.name, event.scheduled_ti)
    key = event.key or float(state.arrivals)
    entry = TaskEntry(event.spec, state.arrivals, event.pools, pool.name, event.scheduled_ti, key=key)
    entry.expected_ms = event.expected_ms
    entry.level, entry.set_back = state.line_rules.standing(event.spec.priority)
    state.admitted_at = max(state.admitted_at, event.admitted_at)
    fair_lines.enter(state, entry, event)
    state.tasks[event.spec.task_id] = entry
    if event.spec.has_own_agent:
        state.activity.take(event.spec.agent_id)
    claims.enter(state, entry)


def _task_bound(state: SchedulerState, event: ev.TaskBound) -> None:
    entry = state.tasks[event.task_id]
    explaining.keep(state, entry, event.ti_uuid, event.bound_at)
    claims.run(state, entry)
    entry.ti_uuid = event.ti_uuid
    entry.tentative = event.ti_uuid
    fair_lines.start(state, entry, event.bound_at)
    entry.bound_at = event.bound_at
    instance = state.instances[event.ti_uuid]
    instance.in_flight.add(event.task_id)
    state.note(instance)
    state.running += 1
    yielders.start(state, entry, instance)
    if entry.spec.has_own_agent:
        agent = state.agent(entry.spec.agent_id)
        agent.busy.add(event.task_id)
        lines.fill_slots(state, agent)


def _task_closed(state: SchedulerState, event: ev.TaskClosed) -> None:
    entry = state.tasks.pop(event.task_id)
    fair_lines.leave(state, entry)
    # What failed or was resumed says little of how long such tasks take.
    is_whole = bool(entry.ti_uuid) and not entry.resumption and event.state is TaskState.COMPLETED
    if is_whole and event.execution_ms is not None:
        _learn(state, entry, event.execution_ms)
    if entry.spec.has_own_agent:
        _leave_activity(state, entry)
    _free_place(state, entry)
    lines.forget_idle(state, entry.spec.agent_id)
    for pool_name in entry.pools:
        lines.forget_empty(state, pool_name)


def _learn(state: SchedulerState, entry: TaskEntry, execution_ms: float) -> None:
    state.predictions.observe(entry.pool, entry.spec.features, entry.ti_uuid, execution_ms)
    instance = state.instances.get(entry.ti_uuid)
    for name in {entry.pool, instance.pool if instance is not None else entry.pool}:
        if name in state.pools:
            state.pools[name].standings.note_report(entry.ti_uuid, state.predictions)


def _leave_activity(state: SchedulerState, entry: TaskEntry) -> None:
    if entry.has_entry:
        state.activity.free(entry.spec.agent_id)
    else:
        state.activity.leave(entry.spec.agent_id, entry.spec.task_id)


def _task_requeued(state: SchedulerState, event: ev.TaskRequeued) -> None:
    entry = state.tasks[event.task_id]
    _free_place(state, entry)
    entry.attempt, entry.resumption = event.attempt, 0
    if event.avoid not in entry.tried:
        entry.tried = (*entry.tried, event.avoid)
    entry.pool = state.serving_pool(entry.pools)
    state.delayed.set(event.task_id, event.not_before)


def _task_suspended(state: SchedulerState, event: ev.TaskSuspended) -> None:
    entry = state.tasks[event.task_id]
    _free_place(state, entry)
    entry.resumption = event.resumption + 1
    entry.suspensions += 1
    entry.pool = state.serving_pool(entry.pools)
    claims.enter(state, entry)


def _free_place(state: SchedulerState, entry: TaskEntry) -> None:
    """The task leaves its instance, its scope and its slot, or, where it was waiting, its line."""
    task_id = entry.spec.task_id
    if not entry.ti_uuid:
        yielders.stop_waiting(state, entry)
        claims.leave(state, entry)
    else:
        if entry.spec.scope:
            claims.release(state, entry)
        instance = state.instances.get(entry.ti_uuid)
        yielders.stop_running(state, entry, instance)
        if instance is not None:
            instance.in_flight.discard(task_id)
            state.note(instance)
        state.running -= 1
        entry.ti_uuid = ""
    if entry.spec.has_own_agent:
        agent = state.agent(entry.spec.agent_id)
        agent.busy.discard(task_id)
        lines.fill_slots(state, agent)


def _turn(state: SchedulerState, ti_uuid: str, condition: InstanceCondition) -> None:
    instance = state.instances[ti_uuid]
    pool = state.pools[instance.pool]
    was_up, instance.condition = pool.is_up, condition
    state.note(instance)
    yielders.consider_all(state, instance)
    if condition == "draining":
        lines.move_to_serving_pools(state, pool.name)
    elif pool.is_up != was_up:
        lines.renew_offers(state, pool)


def _instance_registered(state: SchedulerState, event: ev.InstanceRegistered) -> None:
    pool = pool_of_instance(event.protocol, event.model_name)
    known = state.instances.get(event.ti_uuid)
    state.absent.cancel(event.ti_uuid)
    instance = Instance(
        event.ti_uuid,
        event.host,
        event.port,
        event.model_name,
        event.capacity,
        event.protocol,
        event.capabilities,
        pool,
        incarnation=event.incarnation,
    )
    instance.weight = state.placement.weights.get(instance.address, float(event.capacity))
    if known is not None:
        instance.in_flight, instance.waiting = known.in_flight, known.waiting
        instance.sized, instance.work_ms = known.sized, known.work_ms
        yielders.release(state, known)
    if known is not None and known.pool == pool:
        instance.own_line, instance.turn = known.own_line, known.turn
    elif known is not None:
        # To the end of both: strategies go by the order of a pool, which a snapshot takes from the whole.
        state.predictions.forget_instance(event.ti_uuid)
        lines.leave_pool_of(state, known)
        del state.instances[event.ti_uuid]
    state.instances[event.ti_uuid] = instance
    state.pool(pool).instances[event.ti_uuid] = instance
    state.pool(pool).standings.put(instance, state.predictions)
    if known is not None and known.pool != pool:
        lines.move_to_serving_pools(state, known.pool)
        lines.forget_empty(state, known.pool)
    lines.move_to_serving_pools(state, pool)
    lines.house(state, instance)
    yielders.consider_all(state, instance)
    claims.review(state)


def _instance_removed(state: SchedulerState, ti_uuid: str) -> None:
    instance = state.instances.pop(ti_uuid)
    yielders.release(state, instance)
    state.predictions.forget_instance(ti_uuid)
    lines.leave_pool_of(state, instance)
    lines.forget_empty(state, instance.pool)


def _strategy_chosen(state: SchedulerState, event: ev.StrategyChosen) -> None:
    if not event.model_name:
        state.strategies.clear()
    state.strategies[event.model_name] = event.name
    lines.rebuild_own_lines(state)
