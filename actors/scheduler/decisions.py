"""What the scheduler decides, message by message. Reads the state, never writes it."""

from __future__ import annotations

from typing import assert_never

from actors import addresses
from actors.addresses import SCHEDULER
from actors.behaviour import Decision, Now, Received, Reply, Send
from actors.messages import scheduler as msg
from actors.messages.agent import BeginShutdown, PreemptTask, RunTask
from actors.messages.answers import PreemptionAnswered, ShutdownAnswered
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import SchedulerMessage
from actors.scheduler import activity, admission, registry
from actors.scheduler import events as ev
from actors.scheduler.placement import choose_next
from actors.scheduler.queues import describe_queues
from actors.scheduler.state import SchedulerState, TaskEntry

Verdict = Decision[ev.SchedulerEvent]


def decide(state: SchedulerState, received: Received[SchedulerMessage], now: Now) -> Verdict:
    """The scheduler's answer to one message."""
    message = received.message
    match message:
        case msg.SubmitTask():
            return admission.submit(state, received)  # type: ignore[arg-type]
        case msg.PlaceTasks():
            return _place(state, message, received.chance, now)
        case msg.TaskSettled():
            return _settle(state, message)
        case msg.ReturnTask():
            return _requeue(state, message, received.chance, now)
        case msg.DescribeQueues():
            return Decision(effects=[Reply(describe_queues(state, message.model_name, now))])
        case msg.FillActivityRoom():
            return activity.fill(state)
        case msg.DescribeActivityRoom():
            return activity.describe(state)
        case msg.RegisterInstance():
            return registry.register(state, received)  # type: ignore[arg-type]
        case msg.RemoveInstance():
            return registry.remove(state, received)  # type: ignore[arg-type]
        case msg.InstanceWentDown():
            return registry.mark_down(state, message)
        case msg.InstanceCameUp():
            return registry.mark_up(state, message)
        case msg.SetStrategy():
            return registry.set_strategy(state, message)
        case msg.RequestPreemption():
            return _preempt(state, message)
        case msg.ShutdownAgent():
            return _shut_down(message)
        case TimePassed():
            return _ready_delayed(state, now)
        case Resumed():
            return _resume(state)
        case _:
            assert_never(message)


def _resume(state: SchedulerState) -> Verdict:
    """What it had told itself is not stored; the limits may be others than before."""
    place = [Send(SCHEDULER, msg.PlaceTasks(pool)) for pool in state.pools]
    return Decision(effects=[Send(SCHEDULER, msg.FillActivityRoom()), *place])


def _place(state: SchedulerState, message: msg.PlaceTasks, chance: float, now: Now) -> Verdict:
    """Start the next task of the pool, and look again: one task a decision, since each changes what is free."""
    pool = state.pools.get(message.pool)
    chosen = choose_next(state, pool, chance) if pool is not None else None
    if chosen is None:
        return Decision()
    entry, instance = chosen
    spec = entry.spec
    return Decision(
        events=[ev.TaskBound(spec.task_id, spec.agent_id, instance.ti_uuid, entry.attempt, now)],
        effects=[
            Send(addresses.agent(spec.agent_id), RunTask(spec, entry.attempt, instance.ti_uuid, entry.has_entry)),
            Send(SCHEDULER, message),
        ],
    )


def _settle(state: SchedulerState, message: msg.TaskSettled) -> Verdict:
    entry = state.tasks.get(message.task_id)
    if entry is None:
        return Decision()
    gone, release = _after_leaving(state, entry)
    closed = ev.TaskClosed(message.task_id, message.state, message.execution_ms)
    eased, fill = activity.leave(state, entry)
    return Decision(events=[closed, *gone, *eased], effects=[*release, *fill, *_look_again(state, entry)])


def _requeue(state: SchedulerState, message: msg.ReturnTask, chance: float, now: Now) -> Verdict:
    entry = state.tasks.get(message.task_id)
    if entry is None or not entry.ti_uuid or message.attempt <= entry.attempt:
        return Decision()
    gone, release = _after_leaving(state, entry)
    requeued = ev.TaskRequeued(
        message.task_id,
        entry.spec.agent_id,
        message.attempt,
        message.avoid,
        now + message.delay_s,
        message.reason,
    )
    moved = registry.moves_from_leaving(state, entry, chance)
    return Decision(events=[requeued, *moved, *gone], effects=[*release, *_look_again(state, entry)])


def _after_leaving(state: SchedulerState, entry: TaskEntry) -> tuple[list[ev.SchedulerEvent], list[Send]]:
    """What the leaving of this task ends: a draining instance that held nothing else."""
    instance = state.instances.get(entry.ti_uuid)
    if instance is None:
        return [], []
    return registry.removal_when_empty(instance, leaving=entry.spec.task_id)


def _look_again(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """The pools in which a place came free: the instance's, and that of the agent's next task."""
    pools = {entry.pool}
    instance = state.instances.get(entry.ti_uuid)
    if instance is not None:
        pools.add(instance.pool)
    agent = state.agents.get(entry.spec.agent_id)
    following = agent.line.head() if agent is not None else None
    if following is not None:
        pools.add(state.tasks[following[2]].pool)
    return [Send(SCHEDULER, msg.PlaceTasks(pool)) for pool in sorted(pools)]


def _ready_delayed(state: SchedulerState, now: Now) -> Verdict:
    ready = state.delayed.due_by(now)
    pools = sorted({state.tasks[task_id].pool for task_id in ready})
    return Decision(
        events=[ev.TaskReadied(task_id) for task_id in ready],
        effects=[Send(SCHEDULER, msg.PlaceTasks(pool)) for pool in pools],
    )


def _preempt(state: SchedulerState, message: msg.RequestPreemption) -> Verdict:
    """Recorded, and brought to the agent; a task that is unknown, ended or another agent's is not."""
    entry = state.tasks.get(message.task_id)
    if entry is None or entry.spec.agent_id != message.agent_id:
        return Decision(effects=[Reply(PreemptionAnswered(enqueued=False))])
    return Decision(
        events=[ev.PreemptionQueued(message.task_id, message.agent_id, message.reason)],
        effects=[
            Reply(PreemptionAnswered(enqueued=True)),
            Send(addresses.agent(message.agent_id), PreemptTask(message.task_id, message.reason)),
        ],
    )


def _shut_down(message: msg.ShutdownAgent) -> Verdict:
    return Decision(
        events=[ev.AgentClosed(message.agent_id, message.grace_s)],
        effects=[
            Reply(ShutdownAnswered(ok=True)),
            Send(addresses.agent(message.agent_id), BeginShutdown(message.grace_s)),
        ],
    )
