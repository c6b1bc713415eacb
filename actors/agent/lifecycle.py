"""How the agent is: each move is derived from what the agent knows, and recorded with its cause.

`situation` says how it is by what it knows, `Standing.state` what was recorded last. Where the two differ the agent is
due, and wakes at the end of the turn: what follows at once from what happened (an end, then the next start) leaves no
moves in between. Starts, which are most of what happens, are recorded with the start itself. Agents that stand in for a
model have no lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from actors.agent.events import (
    ActivityRefused,
    AgentEvent,
    AgentMoved,
    AttemptAbandoned,
    AttemptBegan,
    AttemptPlaced,
    ResourcesSeen,
    RunSuspended,
    ShutdownBegan,
    ShutdownEnded,
    ShutdownLifted,
    TaskExpected,
    TaskFinished,
)
from actors.agent.policy import AgentPolicy
from actors.agent.standing import IDLE, Standing, worded
from actors.agent.state import AgentState
from actors.agent_lifecycle import MOVES, TIMEOUT_CODE
from actors.agent_lifecycle import LifecycleState as S
from actors.behaviour import Decision, Now, Reply
from actors.messages.agent import ExpectTask, ResourcesChanged
from actors.messages.answers import AgentDescribed


def situation(state: AgentState, standing: Standing) -> S:
    """How the agent is, by what it knows."""
    if standing.closed:
        return _while_closed(state, standing)
    if standing.running:
        return S.RUNNING
    if len(state.run_deadlines):
        return S.RESUMED if standing.resuming else S.SCHEDULED
    after = _at_rest(state, standing)
    return S.FAILED if standing.state is S.FAILED and after not in MOVES[S.FAILED] else after


def _while_closed(state: AgentState, standing: Standing) -> S:
    if state.shutdown_due is None and standing.state is not None:
        return standing.state
    return S.SHUTTING_DOWN if len(state.run_deadlines) or standing.up else S.COMPLETED


def _at_rest(state: AgentState, standing: Standing) -> S:
    if standing.attached and not standing.up:
        return S.RECOVERING
    if standing.suspended:
        return S.SUSPENDED
    is_new = standing.state is None or standing.state is S.INITIALIZING
    if state.activity is not None and state.activity.unended:
        if standing.served:
            return S.WAITING
        return S.INITIALIZING if is_new else S.WAITING_RESOURCES
    if standing.served:
        return S.RUNNABLE
    return S.INITIALIZING if is_new else S.COMPLETED


def note(state: AgentState, standing: Standing, event: AgentEvent) -> None:
    """After `event` has changed the rest of the state. Used by `evolve` alone."""
    said = _SAID.get(type(event))
    if said is None:
        return
    take, reason = said
    if take(standing, event):
        return
    if situation(state, standing) is standing.state:
        standing.unsettled_at = None
    elif standing.unsettled_at is None:
        standing.unsettled_at = event.at  # type: ignore[union-attr]
        standing.reason = (reason, getattr(event, "task_id", ""))


def _placed(standing: Standing, event: AttemptPlaced) -> bool:
    standing.served = True
    standing.resuming = event.resumption > 0
    if standing.suspended:
        standing.suspended.discard(event.task_id)
    return _record_start(standing, event.agent_moves, event.at, PLACED, event.task_id)


def _began(standing: Standing, event: AttemptBegan) -> bool:
    standing.running.add(event.task_id)
    return _record_start(standing, event.agent_moves, event.at, BEGUN, event.task_id)


def _record_start(standing: Standing, after: S | None, at: float, cause: str, task_id: str) -> bool:
    """Whether the event is a move."""
    if after is None:
        return False
    standing.state, standing.since, standing.cause = after, at, (cause, task_id)
    standing.code, standing.due, standing.unsettled_at = "", None, None
    return True


def _over(standing: Standing, event: AttemptAbandoned | TaskFinished) -> None:
    standing.running.discard(event.task_id)
    standing.suspended.discard(event.task_id)


def _suspended(standing: Standing, event: RunSuspended) -> None:
    standing.running.discard(event.task_id)
    standing.suspended.add(event.task_id)


def _moved(standing: Standing, event: AgentMoved) -> None:
    standing.state, standing.since, standing.cause = event.after, event.at, (event.cause, "")
    standing.code, standing.due, standing.unsettled_at = event.code, event.due, None
    if event.after in IDLE:
        standing.resuming = False  # or an agent that is forgotten when idle would not be what its journal says


def _seen(standing: Standing, event: ResourcesSeen) -> None:
    standing.attached, standing.up, standing.served = event.attached, event.up, event.served


def _closed(standing: Standing, event: ShutdownBegan) -> None:
    standing.closed = True


def _opened(standing: Standing, event: ShutdownLifted) -> None:
    standing.closed = False


def _nothing(standing: Standing, event: TaskExpected | ActivityRefused | ShutdownEnded) -> None:
    """That there is one more task, or no shutdown any more, is known elsewhere."""


PLACED, BEGUN, ADMITTED, ENDED = (
    "task {} is on its way",
    "task {} has begun",
    "task {} was admitted",
    "task {} has ended",
)
_SAID: Final[dict[type, tuple[Callable[[Standing, Any], bool | None], str]]] = {
    TaskExpected: (_nothing, ADMITTED),
    ActivityRefused: (_nothing, ADMITTED),
    AttemptPlaced: (_placed, PLACED),
    AttemptBegan: (_began, BEGUN),
    AttemptAbandoned: (_over, "an attempt of task {} failed"),
    TaskFinished: (_over, ENDED),
    RunSuspended: (_suspended, "task {} has given way"),
    AgentMoved: (_moved, "nothing is under way"),
    ResourcesSeen: (_seen, "workers or instances came or went"),
    ShutdownBegan: (_closed, "shutdown was asked for"),
    ShutdownEnded: (_nothing, "the shutdown is over"),
    ShutdownLifted: (_opened, "a worker attached again"),
}
"""What each event says about the lifecycle, and how it is put as the cause of a move. Those not here say nothing."""


def on_its_way(state: AgentState, resumption: int) -> S | None:
    """What the agent becomes by the placing of a run; None where it stays what it is, or that has to be looked at."""
    standing = state.standing
    if standing is None or standing.state is None or standing.closed or standing.running:
        return None
    after = S.RESUMED if resumption else S.SCHEDULED
    return None if standing.state is after else after


def begun(state: AgentState) -> S | None:
    """What the agent becomes as a run begins; None as above."""
    standing = state.standing
    return S.RUNNING if standing is not None and standing.state in (S.SCHEDULED, S.RESUMED) else None


def with_end(state: AgentState, decision: Decision[AgentEvent], now: Now) -> Decision[AgentEvent]:
    """A decision that ends a task, with the move that this is where it leaves the agent nothing to do."""
    standing, activity = state.standing, state.activity
    if standing is None or activity is None or activity.unended != 1 or standing.closed or not decision.events:
        return decision
    end = decision.events[0]
    if not isinstance(end, TaskFinished) or not standing.served or standing.attached > 0 == standing.up:
        return decision
    return Decision((end, *moves(standing, S.RUNNABLE, ENDED.format(end.task_id), now)), decision.effects)


def expect(
    policy: AgentPolicy, state: AgentState, message: ExpectTask, events: Sequence[AgentEvent], now: Now
) -> Decision[AgentEvent]:
    """A task was admitted, and with it comes whether somebody could run it. It may be the first word of the agent."""
    standing = state.standing
    if standing is None or not events or (standing.state is not None and standing.served is message.is_served):
        return Decision(events)
    seen = ResourcesSeen(now, standing.attached, standing.up, message.is_served)
    if standing.state is not None:
        return Decision((seen, *events))
    lasts_s = policy.lifecycle_timeouts.get(S.INITIALIZING)
    first = moves(standing, S.INITIALIZING, ADMITTED.format(message.spec.task_id), now, lasts_s)
    return Decision((*first, seen, *events))


def hear(state: AgentState, message: ResourcesChanged, now: Now) -> Decision[AgentEvent]:
    """Workers, or instances that could run its tasks, have come or gone."""
    standing = state.standing
    seen = ResourcesSeen(now, message.attached, message.up, message.served)
    if standing is None or (standing.attached, standing.up, standing.served) == (seen.attached, seen.up, seen.served):
        return Decision()
    return Decision((seen,))


def wake(policy: AgentPolicy, state: AgentState, now: Now) -> Sequence[AgentEvent]:
    """Record how the agent is, where the record is behind; or that it has been so for too long."""
    standing = state.standing
    if standing is None:
        return ()
    if standing.unsettled_at is not None:
        return _settle(policy, state, standing, now)
    if standing.due is not None and standing.due <= now and standing.state in TIMEOUT_CODE:
        lasted = f"{standing.state} for {policy.lifecycle_timeouts[standing.state]:g} s"
        return (AgentMoved(standing.state, S.FAILED, now, lasted, TIMEOUT_CODE[standing.state]),)
    return ()


def _settle(policy: AgentPolicy, state: AgentState, standing: Standing, now: Now) -> Sequence[AgentEvent]:
    after = situation(state, standing)
    if standing.closed and after is S.COMPLETED:
        return (ShutdownEnded(now), *closed(after, "nothing runs any more, and no worker answers", now))
    return moves(standing, after, worded(standing.reason), now, policy.lifecycle_timeouts.get(after))


def closed(after: S, cause: str, now: Now, code: str = "") -> Sequence[AgentMoved]:
    """The move that ends a shutdown."""
    return (AgentMoved(S.SHUTTING_DOWN, after, now, cause, code),)


def moves(standing: Standing, after: S, cause: str, now: Now, lasts_s: float | None = None) -> Sequence[AgentMoved]:
    """The move from what was recorded last, which lasts `lasts_s` at most. The first ever is to INITIALIZING."""
    due = None if lasts_s is None else now + lasts_s
    if standing.state is not None:
        return (AgentMoved(standing.state, after, now, cause, "", due),)
    first = AgentMoved(None, S.INITIALIZING, now, cause, "", due if after is S.INITIALIZING else None)
    return (first,) if after is S.INITIALIZING else (first, AgentMoved(S.INITIALIZING, after, now, cause, "", due))


def describe(state: AgentState) -> Decision[AgentEvent]:
    """How the agent is, to whoever asked."""
    standing = state.standing
    if standing is None or standing.state is None:
        return Decision((), (Reply(AgentDescribed()),))
    waiting = 0 if state.activity is None else state.activity.unended - len(state.run_deadlines)
    answer = AgentDescribed(
        state=standing.state,
        since=standing.since,
        cause=worded(standing.cause),
        code=standing.code,
        due=standing.due,
        under_way=len(state.run_deadlines),
        waiting=waiting,
        closed=standing.closed,
        shutdown_due=state.shutdown_due,
    )
    return Decision((), (Reply(answer),))
