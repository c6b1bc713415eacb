"""What a dispatcher makes of each message: reads its state, returns events and effects, writes nothing."""

from __future__ import annotations

from typing import assert_never

from actors.behaviour import Decision, Now, Received
from actors.dispatcher import flights, health, leaving, pushing, yielding
from actors.dispatcher.draft import Draft
from actors.dispatcher.events import DispatcherEvent
from actors.dispatcher.policy import DispatcherPolicy
from actors.dispatcher.state import DispatcherState
from actors.messages.dispatcher import (
    AskToYield,
    AttendInstance,
    DispatcherMessage,
    DropTask,
    ProbeAnswered,
    PushAnswered,
    PushTask,
    ReleaseInstance,
    Report,
    ReportProgress,
    ReportYield,
    TellWorkerToLeave,
    YieldAnswered,
)
from actors.messages.runtime import Resumed, TimePassed


def decide(
    policy: DispatcherPolicy, state: DispatcherState, received: Received[DispatcherMessage], now: Now
) -> Decision[DispatcherEvent]:
    """The one entry: match the message, decide by its concern."""
    message, chance = received.message, received.chance
    match message:
        case PushTask():
            return pushing.push(policy, state, message, now)
        case PushAnswered():
            return pushing.hear(policy, state, message, chance, now)
        case Report():
            return flights.take_report(state, message)
        case DropTask():
            return flights.drop(state, message)
        case AskToYield():
            return yielding.ask(state, message)
        case YieldAnswered():
            return yielding.hear(state, message)
        case ReportYield():
            return yielding.take(state, message)
        case ReportProgress():
            return yielding.pass_on(state, message)
        case TellWorkerToLeave():
            return leaving.tell(state, message)
        case ProbeAnswered():
            return health.hear(policy, state, message, now)
        case AttendInstance():
            return pushing.attend(policy, state, message, chance, now)
        case ReleaseInstance():
            return pushing.release(state)
        case TimePassed():
            is_probe_due = state.probe_due is not None and state.probe_due <= now
            return _and_probe(policy, state, pushing.wake(policy, state, now), is_probe_due, chance, now)
        case Resumed():
            return _and_probe(policy, state, pushing.resume(state), True, chance, now)
        case _:
            assert_never(message)


def _and_probe(
    policy: DispatcherPolicy,
    state: DispatcherState,
    decision: Decision[DispatcherEvent],
    probes: bool,
    chance: float,
    now: Now,
) -> Decision[DispatcherEvent]:
    if not probes or state.instance is None:
        return decision
    draft = Draft(list(decision.events), list(decision.effects))
    health.probe(policy, state.instance.endpoint, chance, now, draft)
    return draft.decision()
