"""Admission: is this a new task, may it come in, and what does its submitter hear?"""

from __future__ import annotations

from actors import addresses
from actors.behaviour import Decision, Keep, Now, Received, Reply, Send
from actors.messages.agent import ExpectTask
from actors.messages.answers import Refused, TaskAccepted
from actors.messages.scheduler import SubmitTask
from actors.scheduler import activity, openings, preemption
from actors.scheduler.events import SchedulerEvent, TaskQueued
from actors.scheduler.orders import expected_s, key_for, rank_of
from actors.scheduler.placement import choose_tentative
from actors.scheduler.pools import pools_for
from actors.scheduler.reasons import wait_reason, why_waiting
from actors.scheduler.state import SchedulerState


def submit(state: SchedulerState, received: Received[SubmitTask], now: Now) -> Decision[SchedulerEvent]:
    """Queue the task, or answer a repeat as the first time, or refuse."""
    message = received.message
    spec = message.spec
    repeated = _answer_repeat(state, received)
    if repeated is not None:
        return Decision(effects=[repeated])
    agent = state.agents.get(spec.agent_id)
    if agent is not None and agent.closed:
        return _refuse("shutting_down", f"agent {spec.agent_id} is shutting down and takes no new tasks")
    pools = pools_for(spec)
    pool = state.serving_pool(pools)
    tentative = choose_tentative(state, pool, received.chance, spec, now)
    if not tentative and not message.waits_for_instances:
        return _refuse("no_instances", f"No TaskInstances configured for model {spec.model_name}")
    keep = Keep(spec.task_id, "input", message.input, message.content_type, message.metadata)
    line = key_for(state, spec, now)
    rank = rank_of(state, spec, line)
    answer = TaskAccepted(spec.task_id, tentative, why_waiting(state, spec, pools, rank))
    expected_ms = round(expected_s(state, spec)[0] * 1000.0) if state.strategy(spec.model_name).sizes_tasks else 0
    queued = TaskQueued(spec, pools, tentative, line.admitted_at, line.key, line.share, expected_ms)
    place = openings.after_coming(state, pool)
    opened = openings.after_claiming(state, [(spec, rank, pool)]) if spec.scope else []
    opened += preemption.seek_for(state, spec.task_id, -rank[0])
    if not spec.has_own_agent:
        return Decision(events=[queued], effects=[keep, Reply(answer), *place, *opened])
    has_room, registered, warnings = activity.register(state, spec)
    is_served = state.is_up(pool) or (agent is not None and agent.is_served)
    expect = Send(addresses.agent(spec.agent_id), ExpectTask(spec, has_room, is_served))
    return Decision(events=[queued, *registered], effects=[keep, Reply(answer), *warnings, expect, *place, *opened])


def _answer_repeat(state: SchedulerState, received: Received[SubmitTask]) -> Reply | None:
    spec = received.message.spec
    entry = state.tasks.get(spec.task_id)
    if entry is not None:
        digest, scheduled_ti, reason = entry.spec.digest, entry.ti_uuid or entry.tentative, wait_reason(state, entry)
    elif received.recalled is not None:
        digest, scheduled_ti, reason = received.recalled.digest, received.recalled.scheduled_ti, ""
    else:
        return None
    if digest != spec.digest:
        return Reply(Refused("conflict", f"task_id {spec.task_id} was submitted before with other content"))
    return Reply(TaskAccepted(spec.task_id, scheduled_ti, reason))


def _refuse(code: str, reason: str) -> Decision[SchedulerEvent]:
    return Decision(effects=[Reply(Refused(code, reason))])  # type: ignore[arg-type]
