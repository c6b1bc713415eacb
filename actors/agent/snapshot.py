"""An agent's state as a tree of plain dataclasses, and back; what is loaded behaves as what was dumped."""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.agent.activity_buffer import ActivityBuffer
from actors.agent.policy import AgentPolicy
from actors.agent.state import AgentState, Callback, Life, ended_entries_kept
from actors.deadlines import Deadlines
from actors.messages.answers import ActivityEntry


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """The fields of AgentState, by their names."""

    lives: dict[str, Life]
    run_deadlines: list[tuple[str, float]]
    activity: list[ActivityEntry]
    callbacks: dict[str, Callback]
    callback_deadlines: list[tuple[str, float]]
    shutdown_due: float | None = None


def dump(state: AgentState) -> AgentSnapshot:
    """A copy that later events do not change."""
    return AgentSnapshot(
        lives={task_id: replace(life) for task_id, life in state.lives.items()},
        run_deadlines=state.run_deadlines.items(),
        activity=list(state.activity.stored()),
        callbacks={task_id: replace(callback) for task_id, callback in state.callbacks.items()},
        callback_deadlines=state.callback_deadlines.items(),
        shutdown_due=state.shutdown_due,
    )


def load(policy: AgentPolicy, agent_id: str, snapshot: AgentSnapshot) -> AgentState:
    """The state that was dumped. The snapshot's parts become the state's: it is not to be used again."""
    state = AgentState(
        agent_id=agent_id,
        activity=ActivityBuffer(ended_entries_kept(policy, agent_id), snapshot.activity),
        lives=snapshot.lives,
        callbacks=snapshot.callbacks,
        shutdown_due=snapshot.shutdown_due,
    )
    _set_all(state.run_deadlines, snapshot.run_deadlines)
    _set_all(state.callback_deadlines, snapshot.callback_deadlines)
    return state


def _set_all(deadlines: Deadlines, items: list[tuple[str, float]]) -> None:
    for key, due in items:
        deadlines.set(key, due)
