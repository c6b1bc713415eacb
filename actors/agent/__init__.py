"""The agent: owns the life of one agent's tasks, so that each reaches exactly one end.

An attempt is under a deadline from the moment it is placed, its number fences it from the others, and the
end is journaled in the same transaction that stores the result: nothing can end twice or be forgotten.
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

from actors.agent.decisions import decide
from actors.agent.events import AGENT_EVENTS, AgentEvent
from actors.agent.evolution import evolve
from actors.agent.policy import AgentPolicy
from actors.agent.snapshot import AgentSnapshot, dump, load
from actors.agent.state import AgentState, initial_state, is_blank, next_due
from actors.behaviour import Behaviour
from actors.messages.agent import AgentMessage

AgentBehaviour: TypeAlias = Behaviour[AgentState, AgentMessage, AgentEvent]

__all__ = ["AgentBehaviour", "AgentEvent", "AgentPolicy", "AgentState", "agent_behaviour"]


def agent_behaviour(policy: AgentPolicy) -> AgentBehaviour:
    """Agents under this policy."""
    return Behaviour(
        initial=partial(initial_state, policy),
        decide=partial(decide, policy),
        evolve=evolve,
        next_due=next_due,
        dump=dump,
        load=partial(load, policy),
        snapshot_type=AgentSnapshot,
        event_types=AGENT_EVENTS,
        is_blank=is_blank,
    )
