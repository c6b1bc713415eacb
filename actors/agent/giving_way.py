"""How preemption changes an agent: a run has to give way, is pressed, spared or suspended. Used by `evolve` alone."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from actors.agent.events import (
    AttemptBegan,
    PreemptionBegan,
    PreemptionDeferred,
    PreemptionSpared,
    RunSuspended,
    TerminationBegan,
)
from actors.agent.state import AgentState, Life, Preemption


def evolve(
    state: AgentState,
    event: PreemptionBegan | PreemptionDeferred | PreemptionSpared | TerminationBegan | RunSuspended,
) -> None:
    """Apply one event."""
    life = state.lives[event.task_id]
    match event:
        case PreemptionBegan():
            asked_at = event.at if life.preemption is None else life.preemption.asked_at
            life.preemption = Preemption(event.reason, event.grace_s, asked_at)
            state.preempt_deadlines.set(event.task_id, event.due)
        case PreemptionDeferred():
            life.preemption = replace(_preemption_of(life), deferred=True)
            state.preempt_deadlines.set(event.task_id, event.due)
        case PreemptionSpared():
            life.preemption = replace(_preemption_of(life), is_spared=True)
            state.preempt_deadlines.cancel(event.task_id)
        case TerminationBegan():
            life.preemption = replace(_preemption_of(life), is_last_word=True)
            state.preempt_deadlines.set(event.task_id, event.due)
        case RunSuspended():
            life.phase = "suspended"
            life.ran_ms = life.took_ms(event.execution_ms)
            end_run(state, event.task_id, life)
        case _:
            assert_never(event)
    if state.activity is not None:
        state.activity.touch(event.task_id, event.at)


def begin_run(state: AgentState, event: AttemptBegan) -> None:
    """The instance has the run, and can be asked from now on where it has to be."""
    words = state.lives[event.task_id].preemption
    if words is not None and not (words.is_spared or words.deferred or words.is_last_word):
        state.preempt_deadlines.set(event.task_id, event.at + words.grace_s)


def end_run(state: AgentState, task_id: str, life: Life) -> None:
    """The run is over, however: nothing is due of it any more."""
    life.preemption = None
    state.run_deadlines.cancel(task_id)
    state.preempt_deadlines.cancel(task_id)


def _preemption_of(life: Life) -> Preemption:
    assert life.preemption is not None, "follows from PreemptionBegan"
    return life.preemption
