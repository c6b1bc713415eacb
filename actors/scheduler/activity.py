"""Room for entries in activity buffers: who is refused, who gets what comes free, and when somebody is warned."""

from __future__ import annotations

from actors import addresses
from actors.addresses import SCHEDULER
from actors.behaviour import Decision, Effect, Reply, Send, Warn
from actors.messages.agent import RegisterActivity
from actors.messages.answers import ActivityRoomDescribed
from actors.messages.scheduler import FillActivityRoom
from actors.messages.tasks import TaskSpec
from actors.scheduler import events as ev
from actors.scheduler.activity_room import EVERYBODY
from actors.scheduler.state import SchedulerState, TaskEntry


def register(state: SchedulerState, spec: TaskSpec) -> tuple[bool, list[ev.SchedulerEvent], list[Effect]]:
    """Whether there is room for the entry of a task that is being queued, and what follows from it."""
    full = state.activity.full_for(spec.agent_id)
    if full is not None:
        return False, [ev.EntryRefused(spec.task_id, spec.agent_id, full)], []
    return True, *_warn(state, spec.agent_id)


def leave(state: SchedulerState, entry: TaskEntry) -> tuple[list[ev.SchedulerEvent], list[Effect]]:
    """What follows from the end of this task: its room is for those that were refused."""
    if not entry.spec.has_own_agent or not entry.has_entry:
        return [], []
    eased = [ev.ActivityRoomEased(name) for name in state.activity.newly_eased(entry.spec.agent_id)]
    return [*eased], [Send(SCHEDULER, FillActivityRoom())] if state.activity.without else []


def fill(state: SchedulerState) -> Decision[ev.SchedulerEvent]:
    """Register the next task that was refused, and look again; nothing where there is none or no room."""
    task_id = state.activity.next_without()
    if task_id is None:
        return Decision()
    entry = state.tasks[task_id]
    agent_id = entry.spec.agent_id
    warned, warnings = _warn(state, agent_id)
    waits = not entry.ti_uuid and entry.attempt == 1
    return Decision(
        events=[ev.EntryGranted(task_id, agent_id), *warned],
        effects=[
            Send(addresses.agent(agent_id), RegisterActivity(entry.spec, waits)),
            *warnings,
            Send(SCHEDULER, FillActivityRoom()),
        ],
    )


def describe(state: SchedulerState) -> Decision[ev.SchedulerEvent]:
    """How full the buffers are."""
    room = state.activity
    answer = ActivityRoomDescribed(
        entries=room.entries,
        per_agent=room.per_agent,
        total=room.total,
        refused=room.refused,
        without_entry=room.without,
        nearly_full=len(room.nearly_full - {EVERYBODY}),
        total_nearly_full=EVERYBODY in room.nearly_full,
    )
    return Decision(effects=[Reply(answer)])


def _warn(state: SchedulerState, agent_id: str) -> tuple[list[ev.SchedulerEvent], list[Effect]]:
    """One more entry of this agent: whose buffer is nearly full by it."""
    if not state.activity.is_crowded(agent_id):
        return [], []
    events, warnings = list[ev.SchedulerEvent](), list[Effect]()
    for name in state.activity.newly_low(agent_id):
        low = ev.ActivityRoomLow(name, state.activity.entries_of(name) + 1, state.activity.limit(name))
        whose = "all agents together" if name == EVERYBODY else name
        details = (("agent", whose), ("entries", low.entries), ("limit", low.limit))
        events.append(low)
        warnings.append(Warn("activity buffer nearly full; beyond its limit tasks run without an entry", details))
    return events, warnings
