"""The scheduler's own promises, held against its state while it runs: who may start where, and before whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from actors.behaviour import AnyBehaviour, Decision, Now, Received
from actors.scheduler.events import TaskBound
from tests.properties import invariants

SHARE = 1 / 16
"""Of all decisions, before how many the whole state is looked at; at every start of a task the start is."""


def scrutinized(behaviour: AnyBehaviour) -> AnyBehaviour:
    """The scheduler, failing where it breaks a promise."""

    def decide(state: Any, received: Received[Any], now: Now) -> Decision[Any]:
        if received.chance < SHARE:
            invariants.check(state)
        decision = behaviour.decide(state, received, now)
        for event in decision.events:
            if isinstance(event, TaskBound):
                invariants.check_start(state, event)
        return decision

    return replace(behaviour, decide=decide)
