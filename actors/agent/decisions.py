"""What an agent makes of each message: reads its state, returns events and effects, writes nothing."""

from __future__ import annotations

from typing import assert_never

from actors.agent import attempts, callbacks, lifecycle, preemption, progress, registering, resuming, shutdown
from actors.agent.events import AgentEvent
from actors.agent.policy import AgentPolicy
from actors.agent.state import AgentState
from actors.behaviour import Decision, Effect, Now, Received
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    BeginShutdown,
    CallbackAnswered,
    DescribeAgent,
    ExpectTask,
    NoteProgress,
    PollActivity,
    PreemptTask,
    PurgeActivity,
    RegisterActivity,
    ReopenAgent,
    ResourcesChanged,
    RunTask,
    SparePreemption,
    TaskEnded,
    YieldDeferred,
)
from actors.messages.runtime import Resumed, TimePassed


def decide(policy: AgentPolicy, state: AgentState, received: Received[AgentMessage], now: Now) -> Decision[AgentEvent]:
    """The one entry: match the message, decide by its concern."""
    message = received.message
    match message:
        case RunTask():
            return attempts.place(policy, state, message, now)
        case AttemptStarted():
            return attempts.begin(policy, state, message, now)
        case TaskEnded():
            return lifecycle.with_end(state, attempts.end(state, message, now), now)
        case AttemptFailed():
            return attempts.fail(policy, state, message, now)
        case ExpectTask():
            return lifecycle.expect(policy, state, message, registering.expect(state, message, now), now)
        case RegisterActivity():
            return registering.grant(state, message, now)
        case PreemptTask():
            return preemption.begin(policy, state, message, now)
        case SparePreemption():
            return preemption.spare(state, message, now)
        case YieldDeferred():
            return preemption.defer(policy, state, message, now)
        case AttemptYielded():
            return preemption.suspend(state, message, now)
        case BeginShutdown():
            return shutdown.begin(state, message, now)
        case ReopenAgent():
            return shutdown.lift(state, now)
        case ResourcesChanged():
            return lifecycle.hear(state, message, now)
        case DescribeAgent():
            return lifecycle.describe(state)
        case NoteProgress():
            return progress.note(state, message, now)
        case PollActivity():
            return registering.show(state)
        case PurgeActivity():
            return registering.purge(state, message)
        case CallbackAnswered():
            return callbacks.hear(policy, state, message, received.chance, now)
        case TimePassed():
            return _wake(policy, state, now)
        case Resumed():
            return resuming.resume(policy, state, now)
        case _:
            assert_never(message)


def _wake(policy: AgentPolicy, state: AgentState, now: Now) -> Decision[AgentEvent]:
    if state.shutdown_due is not None and state.shutdown_due <= now:
        return shutdown.end(state, now)
    repeated = callbacks.repeat(state, now)
    events, effects = list(repeated.events), list[Effect](repeated.effects)
    for task_id in state.run_deadlines.due_by(now):
        timed_out = attempts.time_out(policy, state, task_id, now)
        events.extend(timed_out.events)
        effects.extend(timed_out.effects)
    over = set(state.run_deadlines.due_by(now))
    for task_id in state.preempt_deadlines.due_by(now):
        if task_id not in over:
            pressed = preemption.press(policy, state, task_id, now)
            events.extend(pressed.events)
            effects.extend(pressed.effects)
    # What else comes due now has its turn at once: by then these events are part of what the agent knows.
    return Decision(events or [*(lifecycle.wake(policy, state, now) or registering.forget_old(state, now))], effects)
