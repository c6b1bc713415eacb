"""How each event changes an agent: the only writer of its state."""

from __future__ import annotations

from typing import assert_never

from actors.agent import giving_way, lifecycle, resuming
from actors.agent.activity_buffer import ActivityBuffer
from actors.agent.events import (
    ActivityForgotten,
    ActivityRefused,
    ActivityRegistered,
    AgentEvent,
    AgentMoved,
    AttemptAbandoned,
    AttemptBegan,
    AttemptPlaced,
    CallbackAbandoned,
    CallbackDelivered,
    CallbackPostponed,
    CallbackRepeated,
    DeadlinesPutOff,
    LateReportSeen,
    PreemptionBegan,
    PreemptionDeferred,
    PreemptionSpared,
    ProgressNoted,
    ResourcesSeen,
    RunSuspended,
    ShutdownBegan,
    ShutdownEnded,
    ShutdownLifted,
    TaskExpected,
    TaskFinished,
    TerminationBegan,
)
from actors.agent.retrying import describe_failure
from actors.agent.state import AgentState, Callback, Life


def evolve(state: AgentState, event: AgentEvent) -> None:
    """Apply one event."""
    _evolve(state, event)
    if state.standing is not None:
        lifecycle.note(state, state.standing, event)


def _evolve(state: AgentState, event: AgentEvent) -> None:
    match event:
        case AttemptPlaced():
            _place(state, event)
        case AttemptBegan():
            state.lives[event.task_id].phase = "running"
            state.run_deadlines.set(event.task_id, event.due)
            giving_way.begin_run(state, event)
            if state.activity is not None:
                state.activity.touch(event.task_id, event.at)
        case TaskFinished():
            _finish(state, event)
        case AgentMoved() | ResourcesSeen():
            pass  # about the agent, not about its tasks
        case AttemptAbandoned():
            _abandon(state, event)
        case PreemptionBegan() | PreemptionDeferred() | PreemptionSpared() | TerminationBegan() | RunSuspended():
            giving_way.evolve(state, event)
        case TaskExpected() | ActivityRegistered() | ActivityRefused() | ActivityForgotten():
            if state.activity is not None:
                _note_activity(state.activity, event)
        case ProgressNoted():
            if state.activity is not None:
                state.activity.note_progress(event.task_id, event.at, event.activity, event.progress)
        case ShutdownBegan():
            state.shutdown_due = event.due
        case ShutdownEnded() | ShutdownLifted():
            state.shutdown_due = None
        case DeadlinesPutOff():
            resuming.put_off(state, event)
        case CallbackPostponed():
            state.callbacks[event.task_id].tries = event.tries
            state.callback_deadlines.set(event.task_id, event.due)
        case CallbackRepeated():
            state.callback_deadlines.cancel(event.task_id)
        case CallbackDelivered() | CallbackAbandoned():
            del state.callbacks[event.task_id]
        case LateReportSeen():
            pass  # a fact for the task's story; nothing is decided by it
        case _:
            assert_never(event)


def _note_activity(
    activity: ActivityBuffer, event: TaskExpected | ActivityRegistered | ActivityRefused | ActivityForgotten
) -> None:
    match event:
        case TaskExpected() | ActivityRegistered():
            activity.register(event.task_id, event.at, event.activity)
        case ActivityRefused():
            activity.refuse(event.task_id)
        case ActivityForgotten():
            activity.forget(event.task_ids)
        case _:
            assert_never(event)


def _place(state: AgentState, event: AttemptPlaced) -> None:
    before = state.lives.get(event.task_id)
    failures = () if before is None else before.failures
    ran_ms = before.ran_ms if before is not None and event.resumption else 0.0
    state.lives[event.task_id] = Life(
        event.attempt,
        event.ti_uuid,
        "placed",
        event.timeout_ms,
        event.callback_url,
        failures,
        event.resumption,
        ran_ms,
    )
    state.run_deadlines.set(event.task_id, event.due)
    if state.activity is not None:
        state.activity.touch(event.task_id, event.at)


def _abandon(state: AgentState, event: AttemptAbandoned) -> None:
    life = state.lives[event.task_id]
    life.phase = "waiting"
    life.failures = (*life.failures, describe_failure(event.attempt, event.ti_uuid, event.reason))
    giving_way.end_run(state, event.task_id, life)
    if state.activity is not None:
        state.activity.touch(event.task_id, event.at)


def _finish(state: AgentState, event: TaskFinished) -> None:
    life = state.lives.pop(event.task_id)
    giving_way.end_run(state, event.task_id, life)
    if state.activity is not None:
        state.activity.end(event.task_id, event.at)
    if life.callback_url is not None:
        state.callbacks[event.task_id] = Callback(life.callback_url)
