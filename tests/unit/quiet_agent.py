"""An agent of which only its tasks are looked at: it settles after each message, and its own moves are left out."""

from __future__ import annotations

from msgspec.structs import replace

from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import AgentEvent, AgentMoved, AttemptBegan, AttemptPlaced, ResourcesSeen
from actors.behaviour import Decision
from actors.messages.agent import AgentMessage
from actors.messages.runtime import TimePassed
from tests.driving import Driven


class QuietAgent(Driven[AgentState, AgentMessage, AgentEvent]):
    """The agent `agent_id` under this policy."""

    def __init__(self, policy: AgentPolicy | None = None, agent_id: str = "worker-1") -> None:
        super().__init__(agent_behaviour(policy or AgentPolicy()), agent_id)

    def tell(self, message: AgentMessage, *, after: float = 0.0, chance: float = 0.5) -> Decision[AgentEvent]:
        """As told, without what the agent says of itself."""
        told = super().tell(message, after=after, chance=chance)
        settle(self)
        kept = [_plain(event) for event in told.events if not isinstance(event, AgentMoved | ResourcesSeen)]
        return told if kept == [*told.events] else Decision(tuple(kept), told.effects)


def _plain(event: AgentEvent) -> AgentEvent:
    return replace(event, agent_moves=None) if isinstance(event, AttemptPlaced | AttemptBegan) else event


def settle(agent: Driven[AgentState, AgentMessage, AgentEvent]) -> list[AgentMoved]:
    """Wake the agent as the turn does, until it has recorded how it is; the moves that it makes."""
    moves: list[AgentMoved] = []
    while agent.state.standing is not None and agent.state.standing.unsettled_at is not None:
        woken = Driven.tell(agent, TimePassed())
        assert woken.events, "it wants to be woken, and nothing comes of it"
        moves += [event for event in woken.events if isinstance(event, AgentMoved)]
    return moves
