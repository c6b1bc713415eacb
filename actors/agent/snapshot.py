"""An agent's state as a tree of plain records, and back; what is loaded behaves as what was dumped."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace

from actors.agent.activity_buffer import ActivityBuffer
from actors.agent.policy import AgentPolicy
from actors.agent.standing import Standing
from actors.agent.state import AgentState, Callback, Life, initial_state
from actors.deadlines import Deadlines
from actors.messages.answers import ActivityEntry


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """The fields of AgentState, by their names. In older ones `ended_without_entry` does not say when."""

    lives: dict[str, Life]
    run_deadlines: list[tuple[str, float]]
    activity: list[ActivityEntry]
    callbacks: dict[str, Callback]
    callback_deadlines: list[tuple[str, float]]
    shutdown_due: float | None = None
    without_entry: list[str] = field(default_factory=list)
    activity_refused: int = 0
    preempt_deadlines: list[tuple[str, float]] = field(default_factory=list)
    standing: Standing | None = None
    ended_without_entry: dict[str, float] | list[str] = field(default_factory=dict)


def dump(state: AgentState) -> AgentSnapshot:
    """A copy that later events do not change."""
    activity = state.activity
    return AgentSnapshot(
        lives={task_id: replace(life) for task_id, life in state.lives.items()},
        run_deadlines=state.run_deadlines.items(),
        activity=[] if activity is None else list(activity.stored()),
        callbacks={task_id: replace(callback) for task_id, callback in state.callbacks.items()},
        callback_deadlines=state.callback_deadlines.items(),
        shutdown_due=state.shutdown_due,
        without_entry=[] if activity is None else list(activity.without_entry),
        activity_refused=0 if activity is None else activity.refused,
        preempt_deadlines=state.preempt_deadlines.items(),
        standing=None if state.standing is None else state.standing.copy(),
        ended_without_entry={} if activity is None else dict(activity.ended_without),
    )


def load(policy: AgentPolicy, agent_id: str, snapshot: AgentSnapshot) -> AgentState:
    """The state that was dumped. The snapshot's parts become the state's: it is not to be used again."""
    state = initial_state(policy, agent_id)
    if state.activity is not None:
        state.activity = ActivityBuffer(
            policy.ended_entries,
            snapshot.activity,
            snapshot.without_entry,
            snapshot.activity_refused,
            _with_times(snapshot.ended_without_entry),
            keep_s=policy.ended_kept_s,
        )
    state.lives, state.callbacks, state.shutdown_due = snapshot.lives, snapshot.callbacks, snapshot.shutdown_due
    if state.standing is not None and snapshot.standing is not None:
        state.standing = snapshot.standing
    _set_all(state.run_deadlines, snapshot.run_deadlines)
    _set_all(state.callback_deadlines, snapshot.callback_deadlines)
    _set_all(state.preempt_deadlines, snapshot.preempt_deadlines)
    return state


def _with_times(ended: dict[str, float] | list[str]) -> dict[str, float]:
    return ended if isinstance(ended, dict) else dict.fromkeys(ended, sys.float_info.max)


def _set_all(deadlines: Deadlines, items: list[tuple[str, float]]) -> None:
    for key, due in items:
        deadlines.set(key, due)
