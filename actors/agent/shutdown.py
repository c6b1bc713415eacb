"""Shutting an agent down: what runs may finish within the grace, then it is stopped and its incomplete end recorded.

What waits is kept by the scheduler, and runs once a worker attaches again. Checkpoints stay in the store.
"""

from __future__ import annotations

from actors.agent import attempts, lifecycle
from actors.agent.events import AgentEvent, ShutdownBegan, ShutdownEnded, ShutdownLifted
from actors.agent.state import AgentState
from actors.agent_lifecycle import TIMEOUT_CODE
from actors.agent_lifecycle import LifecycleState as S
from actors.behaviour import Decision, Effect, Now
from actors.messages.agent import BeginShutdown

CODE = "agent_shutdown"
"""Error code of a task that was stopped because the grace was over."""


def begin(state: AgentState, message: BeginShutdown, now: Now) -> Decision[AgentEvent]:
    """Let what runs finish until the grace is over. Asked again, the grace becomes shorter at most."""
    standing = state.standing
    due = now + message.grace_s
    if standing is None or (standing.closed and (state.shutdown_due is None or state.shutdown_due <= due)):
        return Decision()
    began: list[AgentEvent] = [ShutdownBegan(now, due)]
    if standing.state is not S.SHUTTING_DOWN:
        began += lifecycle.moves(standing, S.SHUTTING_DOWN, "shutdown was asked for", now)
    if message.grace_s > 0:
        return Decision(began)
    ended = end(state, now)
    return Decision((*began, *ended.events), ended.effects)


def end(state: AgentState, now: Now) -> Decision[AgentEvent]:
    """The grace is over: stop what still runs."""
    events, effects = list[AgentEvent](), list[Effect]()
    reason = f"agent {state.agent_id} was shut down"
    under_way = sorted(task_id for task_id, _ in state.run_deadlines.items())
    for task_id in under_way:
        error = f"incomplete: {reason}, and the task had not ended when the grace was over"
        stopped = attempts.stop(task_id, state.lives[task_id], reason, error, CODE, now)
        events.extend(stopped.events)
        effects.extend(stopped.effects)
    if under_way:
        cause = f"the grace is over: {len(under_way)} stopped"
        moved = lifecycle.closed(S.FAILED, cause, now, TIMEOUT_CODE[S.SHUTTING_DOWN])
    else:
        moved = lifecycle.closed(S.COMPLETED, "the grace is over, and nothing runs any more", now)
    return Decision((*events, ShutdownEnded(now), *moved), effects)


def lift(state: AgentState, now: Now) -> Decision[AgentEvent]:
    """A worker has attached again: the agent goes on as if it had never been shut down."""
    standing = state.standing
    return Decision((ShutdownLifted(now),)) if standing is not None and standing.closed else Decision()
