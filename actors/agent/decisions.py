"""What an agent makes of each message: reads its state, returns events and effects, writes nothing."""

from __future__ import annotations

from typing import assert_never

from actors.agent import attempts, callbacks
from actors.agent.events import ActivityForgotten, AgentEvent, PreemptionRequested, ShutdownBegan, TaskExpected
from actors.agent.policy import AgentPolicy
from actors.agent.state import AgentState
from actors.behaviour import Decision, Effect, Now, Received, Reply
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    BeginShutdown,
    CallbackAnswered,
    ExpectTask,
    PollActivity,
    PreemptTask,
    PurgeActivity,
    RunTask,
    TaskEnded,
)
from actors.messages.answers import ActivityListed, ActivityPurged
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
            return attempts.end(state, message, now)
        case AttemptFailed():
            return attempts.fail(policy, state, message, now)
        case ExpectTask():
            return _expect(state, message, now)
        case PreemptTask():
            return _note_preemption(state, message, now)
        case BeginShutdown():
            return Decision((ShutdownBegan(now, now + message.grace_s),))
        case PollActivity():
            return Decision((), (Reply(ActivityListed(state.activity.entries())),))
        case PurgeActivity():
            return _purge(state, message)
        case CallbackAnswered():
            return callbacks.hear(policy, state, message, received.chance, now)
        case TimePassed():
            return _wake(policy, state, now)
        case Resumed():
            return callbacks.resume(state)
        case _:
            assert_never(message)


def _expect(state: AgentState, message: ExpectTask, now: Now) -> Decision[AgentEvent]:
    if message.spec.task_id in state.activity:
        return Decision()
    return Decision((TaskExpected(message.spec.task_id, now, message.spec.activity),))


def _note_preemption(state: AgentState, message: PreemptTask, now: Now) -> Decision[AgentEvent]:
    if not state.activity.holds_live(message.task_id):
        return Decision()
    return Decision((PreemptionRequested(message.task_id, now, message.reason),))


def _purge(state: AgentState, message: PurgeActivity) -> Decision[AgentEvent]:
    ended = state.activity.purgeable(message.task_ids)
    return Decision((ActivityForgotten(ended),) if ended else (), (Reply(ActivityPurged(len(ended))),))


def _wake(policy: AgentPolicy, state: AgentState, now: Now) -> Decision[AgentEvent]:
    repeated = callbacks.repeat(state, now)
    events, effects = list(repeated.events), list[Effect](repeated.effects)
    for task_id in state.run_deadlines.due_by(now):
        timed_out = attempts.time_out(policy, state, task_id, now)
        events.extend(timed_out.events)
        effects.extend(timed_out.effects)
    return Decision(events, effects)
