"""Who gives way to whom, as it follows from events. Used by `evolve` alone."""

from __future__ import annotations

from actors.scheduler import events as ev
from actors.scheduler.instance import Instance
from actors.scheduler.pools import slots_of_agent
from actors.scheduler.state import SchedulerState, TaskEntry


def start(state: SchedulerState, entry: TaskEntry, instance: Instance) -> None:
    """The task runs now, on this instance: what gave way for others than it did so in vain.

    One of these may go on waiting for what was to give way to this task.
    """
    heir = heir_of(state, entry, instance)
    if heir is not None:
        state.tasks[entry.asks].for_task = heir.spec.task_id
        heir.asks, entry.asks = entry.asks, ""
    for task_id in instance.reserved:
        state.tasks[task_id].reserved = ""
    instance.reserved.clear()
    stop_waiting(state, entry)
    if entry.suspensions and state.rules.min_run_s > 0:
        entry.is_protected = True
        state.protected.set(entry.spec.task_id, entry.bound_at + state.rules.min_run_s)
    consider(state, entry, instance)


def stop_waiting(state: SchedulerState, entry: TaskEntry) -> None:
    """The task waits no longer: nobody has to give way to it."""
    spare_for(state, entry)
    stop_keeping(state, entry)


def stop_keeping(state: SchedulerState, asker: TaskEntry) -> None:
    """No place is kept for this task any more."""
    if asker.reserved:
        state.instances[asker.reserved].reserved.discard(asker.spec.task_id)
        asker.reserved = ""


def spare_for(state: SchedulerState, asker: TaskEntry) -> None:
    """Nothing has to give way to this task any more; what had to may be asked anew, for another."""
    if not asker.asks:
        return
    victim = state.tasks[asker.asks]
    asker.asks = victim.for_task = ""
    if not victim.is_named:
        victim.gives_way = False
        consider(state, victim, state.instances.get(victim.ti_uuid))


def heir_of(state: SchedulerState, entry: TaskEntry, instance: Instance) -> TaskEntry | None:
    """The task starts in a place that was kept for another: the first of these that can use what was to give way to it.

    Of two that were to give way to equals, the second was the faster.
    """
    victim = state.tasks.get(entry.asks)
    pool = state.pools.get(state.instances[victim.ti_uuid].pool) if victim is not None else None
    if victim is None or pool is None or victim.is_named:
        return None
    others = [state.tasks[task_id] for task_id in instance.reserved if task_id != entry.spec.task_id]
    able = [e for e in others if e.pool == pool.name and pool.has_in_line(e) and not e.tried]
    return min((e for e in able if e.level > victim.level), key=lambda e: e.rank, default=None)


def stop_running(state: SchedulerState, entry: TaskEntry, instance: Instance | None) -> None:
    """The task leaves the instance, however: its place is for the one it gives way to."""
    task_id = entry.spec.task_id
    state.victims.discard(task_id)
    if entry.is_protected:
        state.protected.cancel(task_id)
    asker = state.tasks.get(entry.for_task)
    if asker is not None:
        asker.asks = ""
        stop_keeping(state, asker)
        if instance is not None and instance.condition == "up" and instance.pool == asker.pool:
            asker.reserved = instance.ti_uuid
            instance.reserved.add(asker.spec.task_id)
    entry.gives_way = entry.is_named = entry.cannot_give_way = entry.is_protected = False
    entry.for_task = ""


def ask(state: SchedulerState, event: ev.PreemptionStarted) -> None:
    """A running task is asked to give way; one that is asked for by name may have been already, for another."""
    entry = state.tasks[event.task_id]
    entry.gives_way = True
    state.victims.discard(event.task_id)
    if event.for_task:
        entry.for_task = event.for_task
        state.tasks[event.for_task].asks = event.task_id
    else:
        entry.is_named = True


def end_protection(state: SchedulerState, task_id: str) -> None:
    """A resumed task may be chosen again."""
    entry = state.tasks[task_id]
    entry.is_protected = False
    state.protected.cancel(task_id)
    consider(state, entry, state.instances.get(entry.ti_uuid))


def consider(state: SchedulerState, entry: TaskEntry, instance: Instance | None) -> None:
    """Note whether the running task may be made to give way."""
    if instance is None or not instance.can_preempt:
        return
    may = instance.condition == "up" and not entry.gives_way and not entry.is_protected
    if may and entry.suspensions < state.rules.limit:
        spec = entry.spec
        groups = (instance.pool, slots_of_agent(spec.agent_id)) if spec.has_own_agent else (instance.pool,)
        state.victims.add(spec.task_id, entry.level, entry.bound_at, groups)


def consider_all(state: SchedulerState, instance: Instance) -> None:
    """The instance is another than before: so may be who can be chosen on it, and what was reserved."""
    for task_id in instance.in_flight:
        state.victims.discard(task_id)
        consider(state, state.tasks[task_id], instance)
    if instance.condition != "up":
        release(state, instance)


def release(state: SchedulerState, instance: Instance) -> None:
    """Nothing is reserved on the instance any more."""
    for task_id in instance.reserved:
        state.tasks[task_id].reserved = ""
    instance.reserved.clear()
