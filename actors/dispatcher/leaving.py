"""A worker whose agent is shut down is told to leave. A TaskInstance serves others too, and is told nothing."""

from __future__ import annotations

from actors.behaviour import Decision
from actors.dispatcher.events import DispatcherEvent
from actors.dispatcher.state import DispatcherState
from actors.errands import TellToLeave
from actors.messages.dispatcher import TellWorkerToLeave


def tell(state: DispatcherState, message: TellWorkerToLeave) -> Decision[DispatcherEvent]:
    """Pass it on. It is not remembered: the scheduler says it again when the worker connects again."""
    instance = state.instance
    if instance is None or instance.endpoint.protocol != "worker":
        return Decision()
    return Decision((), (TellToLeave(instance.endpoint, message.reason, message.grace_ms),))
