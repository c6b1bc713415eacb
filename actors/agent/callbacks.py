"""A finished task's final record reaches its `callback_url`, or is given up after a bounded number of tries.

The task has ended before the first try: nothing waits for a callback.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.agent.events import (
    AgentEvent,
    CallbackAbandoned,
    CallbackDelivered,
    CallbackPostponed,
    CallbackRepeated,
)
from actors.agent.policy import AgentPolicy
from actors.agent.retrying import shorten
from actors.agent.state import AgentState
from actors.backoff import exponential, spread
from actors.behaviour import Decision, Now
from actors.errands import PostCallback
from actors.messages.agent import CallbackAnswered


def post_at_end(task_id: str, url: str | None) -> Sequence[PostCallback]:
    """The first try, where the task named a URL."""
    return () if url is None else (PostCallback(url, task_id),)


def hear(
    policy: AgentPolicy, state: AgentState, answered: CallbackAnswered, chance: float, now: Now
) -> Decision[AgentEvent]:
    """Delivered, or to be tried again later, or given up."""
    callback = state.callbacks.get(answered.task_id)
    if callback is None or answered.task_id in state.callback_deadlines:
        return Decision()
    if answered.delivered:
        return Decision((CallbackDelivered(answered.task_id),))
    tries, detail = callback.tries + 1, shorten(answered.detail)
    if tries >= policy.callback_attempts:
        return Decision((CallbackAbandoned(answered.task_id, tries, detail),))
    delay_s = exponential(tries, policy.callback_delay_s, policy.callback_delay_max_s)
    return Decision((CallbackPostponed(answered.task_id, tries, now + spread(delay_s, chance), detail),))


def repeat(state: AgentState, now: Now) -> Decision[AgentEvent]:
    """Post again what has waited long enough."""
    due = state.callback_deadlines.due_by(now)
    posts = [PostCallback(state.callbacks[task_id].url, task_id) for task_id in due]
    return Decision([CallbackRepeated(task_id) for task_id in due], posts)


def resume(state: AgentState) -> Decision[AgentEvent]:
    """Post again what was being posted when the process ended: whether it arrived is unknown."""
    under_way = (item for item in state.callbacks.items() if item[0] not in state.callback_deadlines)
    return Decision((), [PostCallback(callback.url, task_id) for task_id, callback in under_way])
