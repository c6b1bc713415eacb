"""The agent goes on after its process was away: what ended meanwhile could not be reported, and is heard first."""

from __future__ import annotations

from actors.agent import callbacks
from actors.agent.events import AgentEvent, DeadlinesPutOff
from actors.agent.policy import AgentPolicy
from actors.agent.state import AgentState
from actors.behaviour import Decision, Now


def resume(policy: AgentPolicy, state: AgentState, now: Now) -> Decision[AgentEvent]:
    """Post again what was being posted, and end nothing for being late before its report could arrive."""
    posts = callbacks.resume(state)
    until = now + policy.heard_within_s
    dues = (state.run_deadlines.earliest(), state.preempt_deadlines.earliest(), state.shutdown_due)
    if all(due is None or due >= until for due in dues):
        return posts
    return Decision((DeadlinesPutOff(now, until),), posts.effects)


def put_off(state: AgentState, event: DeadlinesPutOff) -> None:
    """Nothing of a run is due before. Used by `evolve` alone."""
    for deadlines in (state.run_deadlines, state.preempt_deadlines):
        for task_id in deadlines.due_by(event.until):
            deadlines.set(task_id, event.until)
    if state.shutdown_due is not None:
        state.shutdown_due = max(state.shutdown_due, event.until)
