"""The dispatcher: reaches one TaskInstance, and tells the agents truthfully what became of their attempts.

Every flight ends in exactly one word to its agent (reported, failed) or by the agent's own (dropped). A task
whose push may have arrived is never given up while its instance counts as up.
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

from actors.behaviour import Behaviour
from actors.dispatcher.decisions import decide
from actors.dispatcher.events import DISPATCHER_EVENTS, DispatcherEvent
from actors.dispatcher.evolution import evolve
from actors.dispatcher.policy import DispatcherPolicy
from actors.dispatcher.snapshot import DispatcherSnapshot, dump, load
from actors.dispatcher.state import DispatcherState, is_blank, next_due
from actors.messages.dispatcher import DispatcherMessage

DispatcherBehaviour: TypeAlias = Behaviour[DispatcherState, DispatcherMessage, DispatcherEvent]

__all__ = ["DispatcherBehaviour", "DispatcherEvent", "DispatcherPolicy", "DispatcherState", "dispatcher_behaviour"]


def dispatcher_behaviour(policy: DispatcherPolicy) -> DispatcherBehaviour:
    """Dispatchers under this policy."""
    return Behaviour(
        initial=DispatcherState,
        decide=partial(decide, policy),
        evolve=evolve,
        next_due=next_due,
        dump=dump,
        load=load,
        snapshot_type=DispatcherSnapshot,
        event_types=DISPATCHER_EVENTS,
        is_blank=is_blank,
    )
