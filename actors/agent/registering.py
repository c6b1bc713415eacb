"""An entry exists before its task runs: registered at admission, refused where there is no room, or registered later.

Whether there is room is the scheduler's to say with each message about a task. A refusal costs the task nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.agent.events import ActivityForgotten, ActivityRefused, ActivityRegistered, AgentEvent, TaskExpected
from actors.agent.state import AgentState
from actors.behaviour import Decision, Now, Reply
from actors.messages.agent import ExpectTask, PurgeActivity, RegisterActivity, RunTask
from actors.messages.answers import ActivityListed, ActivityPurged


def expect(state: AgentState, message: ExpectTask | RunTask, now: Now) -> Sequence[AgentEvent]:
    """The first word of a task: its entry, or that there is no room for one."""
    spec = message.spec
    if state.activity is None or state.activity.knows(spec.task_id, spec.submitted_at):
        return ()
    if not message.has_room:
        return (ActivityRefused(spec.task_id, now),)
    return (TaskExpected(spec.task_id, now, spec.activity),)


def grant(state: AgentState, message: RegisterActivity, now: Now) -> Decision[AgentEvent]:
    """There is room now; a task that has ended meanwhile does not need it any more."""
    spec, activity = message.spec, state.activity
    if activity is None or activity.holds_live(spec.task_id) or activity.has_ended(spec.task_id, spec.submitted_at):
        return Decision()
    if not message.waits and spec.task_id not in state.lives:
        return Decision()
    return Decision((ActivityRegistered(spec.task_id, now, spec.activity),))


def show(state: AgentState) -> Decision[AgentEvent]:
    """The whole buffer."""
    activity = state.activity
    if activity is None:
        return Decision((), (Reply(ActivityListed(())),))
    listed = ActivityListed(activity.entries(), activity.refused, tuple(activity.without_entry))
    return Decision((), (Reply(listed),))


def forget_old(state: AgentState, now: Now) -> Sequence[AgentEvent]:
    """Entries of tasks that ended too long ago go without being asked for."""
    old = () if state.activity is None else state.activity.expired(now)
    return (ActivityForgotten(old),) if old else ()


def purge(state: AgentState, message: PurgeActivity) -> Decision[AgentEvent]:
    """Forget entries of ended tasks."""
    ended = () if state.activity is None else state.activity.purgeable(message.task_ids)
    forgotten = (ActivityForgotten(ended, is_everything=not message.task_ids),) if ended else ()
    return Decision(forgotten, (Reply(ActivityPurged(len(ended))),))
