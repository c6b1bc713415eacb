"""What the scheduler decides, message by message. Reads the state, never writes it."""

from __future__ import annotations

from typing import assert_never

from actors import addresses
from actors.addresses import SCHEDULER
from actors.behaviour import Decision, Now, Received, Reply, Send, Warn
from actors.messages import scheduler as msg
from actors.messages.agent import RunTask
from actors.messages.answers import WaitExplained
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import SchedulerMessage
from actors.scheduler import activity, admission, agents, openings, preemption, registry, workers
from actors.scheduler import events as ev
from actors.scheduler.explaining import explain
from actors.scheduler.lookahead import LEAST_WAIT_S, Declined
from actors.scheduler.placement import choose_next
from actors.scheduler.queues import describe_queues
from actors.scheduler.reasons import wait_reason
from actors.scheduler.state import SchedulerState

Verdict = Decision[ev.SchedulerEvent]


def decide(state: SchedulerState, received: Received[SchedulerMessage], now: Now) -> Verdict:
    """The scheduler's answer to one message, with a word on a user's own strategy where that is at fault."""
    verdict = _decide(state, received, now)
    if not state.placement.own:
        return verdict
    told = [
        Warn("own strategy at fault; the least loaded instance was taken", (("strategy", name), ("fault", fault)))
        for name, (_, guard) in state.placement.own.items()
        if (fault := guard.take_warning(now))
    ]
    return Decision(verdict.events, [*verdict.effects, *told]) if told else verdict


def _decide(state: SchedulerState, received: Received[SchedulerMessage], now: Now) -> Verdict:
    message = received.message
    match message:
        case msg.SubmitTask():
            return admission.submit(state, received, now)  # type: ignore[arg-type]
        case msg.PlaceTasks():
            return _place(state, message, received.chance, now)
        case msg.TaskSettled():
            return _settle(state, message)
        case msg.ReturnTask():
            return _requeue(state, message, received.chance, now)
        case msg.PlaceTasksOf():
            return _place_offered(state, message)
        case msg.DescribeQueues():
            return Decision(effects=[Reply(describe_queues(state, message.model_name, now))])
        case msg.ExplainWait():
            entry = state.tasks.get(message.task_id)
            return Decision(effects=[Reply(WaitExplained(wait_reason(state, entry) if entry is not None else ""))])
        case msg.ExplainPlacement():
            return Decision(effects=[Reply(explain(state, message.task_id, now))])
        case msg.FillActivityRoom():
            return activity.fill(state)
        case msg.DescribeActivityRoom():
            return activity.describe(state)
        case msg.RegisterInstance():
            return registry.register(state, received)  # type: ignore[arg-type]
        case msg.RemoveInstance():
            return registry.remove(state, received)  # type: ignore[arg-type]
        case msg.InstanceWentDown():
            return registry.mark_down(state, message, now)
        case msg.InstanceCameUp():
            return registry.mark_up(state, message)
        case msg.AttachWorker():
            return workers.attach(state, received, now)  # type: ignore[arg-type]
        case msg.DetachWorker():
            return workers.detach(state, received)  # type: ignore[arg-type]
        case msg.SetStrategy():
            return registry.set_strategy(state, message)
        case msg.RequestPreemption():
            return preemption.request(state, message)
        case msg.SuspendTask():
            return preemption.suspend(state, message, received.chance)
        case msg.SeekRoom():
            return preemption.seek(state, message)
        case msg.ShutdownAgent():
            return agents.shut_down(state, message, now)
        case msg.ListAgents():
            return agents.list_agents(state, message)
        case TimePassed():
            forgotten = workers.forget_absent(state, received.chance, now)
            return (
                forgotten
                or preemption.end_protection(state, now)
                or _end_deferral(state, now)
                or _ready_delayed(state, now)
            )
        case Resumed():
            return _resume(state, now)
        case _:
            assert_never(message)


def _resume(state: SchedulerState, now: Now) -> Verdict:
    """What it had told itself is not stored; the limits may be others than before."""
    place = openings.after_change(state, state.pools)
    return Decision(effects=[Send(SCHEDULER, msg.FillActivityRoom()), *place, *agents.resume(state, now)])


def _place(state: SchedulerState, message: msg.PlaceTasks, chance: float, now: Now) -> Verdict:
    """Start the next task of the pool, and look again: one task a decision, since each changes what is free."""
    pool = state.pools.get(message.pool)
    if pool is None:
        return Decision()
    chosen = choose_next(state, pool, now)
    if isinstance(chosen, Declined):
        known = state.deferred.due_of(pool.name)
        is_sooner = known is None or chosen.until < known - LEAST_WAIT_S
        return Decision(events=[ev.StartsDeferred(pool.name, chosen.until)] if is_sooner else [])
    if chosen is None:
        return preemption.seek_in_pool(state, pool, message)
    entry, instance = chosen
    spec, attempt, resumption = entry.spec, entry.attempt, entry.resumption
    return Decision(
        events=[ev.TaskBound(spec.task_id, spec.agent_id, instance.ti_uuid, attempt, now, resumption)],
        effects=[
            Send(addresses.agent(spec.agent_id), RunTask(spec, attempt, instance.ti_uuid, entry.has_entry, resumption)),
            *preemption.spared(state, entry, starts_on=instance),
            *preemption.after_starting(state, entry),
            *openings.after_starting(state, pool, instance),
        ],
    )


def _place_offered(state: SchedulerState, message: msg.PlaceTasksOf) -> Verdict:
    """Look at the pools in which the tasks stand that these agents offer by now."""
    agents = [state.agents[agent_id] for agent_id in message.agents if agent_id in state.agents]
    return Decision(effects=openings.in_pools({state.tasks[t].pool for agent in agents for t in agent.offered}))


def _settle(state: SchedulerState, message: msg.TaskSettled) -> Verdict:
    entry = state.tasks.get(message.task_id)
    if entry is None:
        return Decision()
    gone, release = registry.after_leaving(state, entry)
    closed = ev.TaskClosed(message.task_id, message.state, message.execution_ms)
    eased, fill = activity.leave(state, entry)
    effects = [
        *release,
        *fill,
        *preemption.spared(state, entry),
        *openings.after_leaving(state, entry),
        *preemption.after_leaving(state, entry),
    ]
    return Decision(events=[closed, *gone, *eased], effects=effects)


def _requeue(state: SchedulerState, message: msg.ReturnTask, chance: float, now: Now) -> Verdict:
    entry = state.tasks.get(message.task_id)
    if entry is None or not entry.ti_uuid or message.attempt <= entry.attempt:
        return Decision()
    gone, release = registry.after_leaving(state, entry)
    requeued = ev.TaskRequeued(
        message.task_id,
        entry.spec.agent_id,
        message.attempt,
        message.avoid,
        now + message.delay_s,
        message.reason,
    )
    moved = registry.moves_from_leaving(state, entry, chance)
    effects = [*release, *openings.after_leaving(state, entry), *preemption.after_leaving(state, entry)]
    return Decision(events=[requeued, *moved, *gone], effects=effects)


def _end_deferral(state: SchedulerState, now: Now) -> Verdict | None:
    """A busy instance was worth waiting for, and should be free by now: look again. None where none is due."""
    due = state.deferred.due_by(now)
    if not due:
        return None
    return Decision(events=[ev.DeferralEnded(name) for name in due], effects=openings.in_pools(due))


def _ready_delayed(state: SchedulerState, now: Now) -> Verdict:
    ready = [state.tasks[task_id] for task_id in state.delayed.due_by(now)]
    claims = [(entry.spec, entry.rank, entry.pool) for entry in ready if entry.spec.scope]
    return Decision(
        events=[ev.TaskReadied(entry.spec.task_id) for entry in ready],
        effects=[
            *openings.in_pools({entry.pool for entry in ready}),
            *openings.after_claiming(state, claims),
            *(send for entry in ready for send in preemption.seek_for(state, entry.spec.task_id, entry.level)),
        ],
    )
