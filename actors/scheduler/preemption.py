"""Who has to give way: what was asked for by name, and what runs while something more important waits for its place.

A task may be made to give way to one that is strictly more important and waits for a place where it runs, for a slot
of its agent, or for its scope; the place is then kept for that one. What was resumed runs for a while first, and
gives way so a limited number of times: nothing thrashes.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors import addresses
from actors.addresses import SCHEDULER
from actors.behaviour import Decision, Effect, Now, Reply, Send
from actors.messages import scheduler as msg
from actors.messages.agent import PreemptTask, SparePreemption
from actors.messages.answers import PreemptionAnswered
from actors.scheduler import events as ev
from actors.scheduler import openings, registry, room, yielders
from actors.scheduler.instance import Instance
from actors.scheduler.pools import slots_of_agent
from actors.scheduler.state import Pool, SchedulerState, TaskEntry

Verdict = Decision[ev.SchedulerEvent]


def request(state: SchedulerState, message: msg.RequestPreemption) -> Verdict:
    """Somebody wants a task to give way; one that is unknown, ended or another agent's is not asked.

    One that waits has nothing to give. One whose instance cannot be asked, as its dispatcher will say, runs to its end.
    """
    entry = state.tasks.get(message.task_id)
    if entry is None or entry.spec.agent_id != message.agent_id:
        return Decision(effects=[Reply(PreemptionAnswered(enqueued=False))])
    answer = Reply(PreemptionAnswered(enqueued=True))
    noted = ev.PreemptionQueued(message.task_id, message.agent_id, message.reason)
    if not entry.ti_uuid:
        return Decision(events=[noted], effects=[answer])
    instance = state.instances.get(entry.ti_uuid)
    can = instance is not None and instance.can_preempt
    event = _started(entry, "", message.reason) if can else noted
    return Decision(events=[event], effects=[answer, _ask(entry, message.reason, message.grace_s)])


def suspend(state: SchedulerState, message: msg.SuspendTask, chance: float) -> Verdict:
    """A run has given way: its task waits again, where it always stood."""
    entry = state.tasks.get(message.task_id)
    if entry is None or not entry.ti_uuid or (entry.attempt, entry.resumption) != (message.attempt, message.resumption):
        return Decision()
    gone, release = registry.after_leaving(state, entry)
    suspended = ev.TaskSuspended(
        message.task_id, entry.spec.agent_id, message.attempt, message.resumption, message.reason
    )
    moved = registry.moves_from_leaving(state, entry, chance)
    claim = [(entry.spec, entry.rank, state.serving_pool(entry.pools))]
    return Decision(
        events=[suspended, *moved, *gone],
        effects=[
            *release,
            *openings.after_leaving(state, entry),
            *openings.in_pools({state.serving_pool(entry.pools)} - {entry.pool}),
            *openings.after_claiming(state, claim),
            *after_leaving(state, entry),
            *seek_for(state, entry.spec.task_id, entry.level),
        ],
    )


def seek(state: SchedulerState, message: msg.SeekRoom) -> Verdict:
    """Make something give way to this task, if it needs and deserves that."""
    if message.agent_id:
        return _seek_slot(state, message)
    if not message.task_id:
        return _withdraw(state, message) or _seek_everywhere(state, message)
    asker = state.tasks.get(message.task_id)
    victim = room.victim_for(state, asker) if asker is not None else None
    return Decision() if asker is None or victim is None else _make_room(asker, victim)


def seek_in_pool(state: SchedulerState, pool: Pool, again: msg.PlaceTasks) -> Verdict:
    """Nothing can be started in the pool: make room for the first in its lines that deserves it, and look again."""
    for rank in room.first_without_room(state, pool):
        asker = state.tasks[rank[2]]
        victim = room.victim_for(state, asker)
        if victim is not None:
            return _make_room(asker, victim, again)
    return Decision()


def seek_for(state: SchedulerState, task_id: str, level: int) -> list[Send]:
    """A task begins to wait: look whether it deserves room, unless surely nothing is less important."""
    return [Send(SCHEDULER, msg.SeekRoom(task_id))] if state.victims.has_below(level) else []


def after_starting(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """The task starts: its agent may have no slot left for one that deserves it."""
    agent = state.agents.get(entry.spec.agent_id)
    head = agent.line.head() if agent is not None else None
    if agent is None or head is None or not state.victims.has_below(-head[0], slots_of_agent(agent.agent_id)):
        return []
    return [Send(SCHEDULER, msg.SeekRoom(agent_id=agent.agent_id))]


def after_leaving(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """The task runs or waits no longer: whoever waited behind it for its scope now waits for another, or a slot.

    What was to give way to it can be chosen again by then.
    """
    spare = state.tasks.get(entry.asks)
    behind = sorted(state.claims.behind.get(entry.spec.task_id, ())) if len(state.victims) or spare else []
    lowest = spare.level if spare is not None else None
    seekers = [
        msg.SeekRoom(rank[2])
        for rank in behind
        if state.victims.has_below(-rank[0]) or (lowest is not None and lowest < -rank[0])
    ]
    return [*after_starting(state, entry), *(Send(SCHEDULER, seeker) for seeker in seekers)]


def spared(state: SchedulerState, asker: TaskEntry, *, starts_on: Instance | None = None) -> list[Effect]:
    """The task waits no longer: who was to give way to it is not forced to any more, unless others need that."""
    victim = state.tasks.get(asker.asks)
    if victim is None or (starts_on is not None and yielders.heir_of(state, asker, starts_on) is not None):
        return []
    return [] if victim.is_named else [_spare(victim), *_seekers_of(state, [victim])]


def end_protection(state: SchedulerState, now: Now) -> Verdict | None:
    """Resumed tasks have run for a while: who waits may make them give way again. None where none has."""
    due = [state.tasks[task_id] for task_id in state.protected.due_by(now)]
    if not due:
        return None
    return Decision(events=[ev.ProtectionEnded(e.spec.task_id) for e in due], effects=_seekers_of(state, due))


def _seekers_of(state: SchedulerState, victims: Sequence[TaskEntry]) -> list[Send]:
    """These can be chosen again: look at who waits for their places, slots and scopes."""
    pools = {state.instances[victim.ti_uuid].pool for victim in victims}
    agents = {v.spec.agent_id for v in victims if v.spec.has_own_agent and state.agents[v.spec.agent_id].line}
    behind = {rank for v in victims if (rank := room.first_behind(state, v.spec.task_id)) is not None}
    seekers = [*(msg.SeekRoom(agent_id=a) for a in sorted(agents)), *(msg.SeekRoom(r[2]) for r in sorted(behind))]
    return [*openings.in_pools(pools), *(Send(SCHEDULER, seeker) for seeker in seekers)]


def _withdraw(state: SchedulerState, again: msg.SeekRoom) -> Verdict | None:
    """Let one that is to give way be, where nobody can use its place any more, and look again; None where none is."""
    running = (state.tasks[task_id] for i in state.instances.values() for task_id in i.in_flight)
    asked = [(victim, asker) for victim in running if (asker := state.tasks.get(victim.for_task)) is not None]
    # What runs on an instance is a set, the order of which another process would not have.
    for victim, asker in sorted(asked, key=lambda pair: pair[0].spec.task_id):
        if not room.helps(state, victim, asker):
            events = [ev.PreemptionWithdrawn(victim.spec.task_id, victim.spec.agent_id, asker.spec.task_id)]
            retry = [*openings.in_pools({asker.pool}), Send(SCHEDULER, again)]
            return Decision(events=events, effects=retry if victim.is_named else [_spare(victim), *retry])
    return None


def _seek_slot(state: SchedulerState, again: msg.SeekRoom) -> Verdict:
    """Make room for the first that waits for a slot of the agent and deserves it, and look again."""
    agent = state.agents.get(again.agent_id)
    rank = room.first_without_slot(state, agent) if agent is not None else None
    asker = state.tasks[rank[2]] if rank is not None else None
    victim = room.victim_for(state, asker) if asker is not None else None
    return Decision() if asker is None or victim is None else _make_room(asker, victim, again)


def _seek_everywhere(state: SchedulerState, again: msg.SeekRoom) -> Verdict:
    """Make room for one task that waits for a slot or a scope, and look again."""
    if not len(state.victims):
        return Decision()
    blockers = [task_id for task_id in state.claims.behind if task_id in state.victims]
    behind = [rank for task_id in blockers if (rank := room.first_behind(state, task_id)) is not None]
    in_slots = [rank for agent in state.agents.values() if (rank := room.first_without_slot(state, agent)) is not None]
    for rank in sorted([*behind, *in_slots]):
        asker = state.tasks[rank[2]]
        victim = room.victim_for(state, asker)
        if victim is not None:
            return _make_room(asker, victim, again)
    return Decision()


def _make_room(asker: TaskEntry, victim: TaskEntry, *again: msg.SeekRoom | msg.PlaceTasks) -> Verdict:
    reason = f"task {asker.spec.task_id} of priority {asker.spec.priority} needs its place"
    asked = _started(victim, asker.spec.task_id, reason)
    return Decision(events=[asked], effects=[_ask(victim, reason, None), *(Send(SCHEDULER, note) for note in again)])


def _started(victim: TaskEntry, for_task: str, reason: str) -> ev.PreemptionStarted:
    spec = victim.spec
    return ev.PreemptionStarted(spec.task_id, spec.agent_id, victim.attempt, victim.resumption, for_task, reason)


def _ask(victim: TaskEntry, reason: str, grace_s: float | None) -> Send:
    words = PreemptTask(victim.spec.task_id, victim.attempt, victim.resumption, reason, grace_s)
    return Send(addresses.agent(victim.spec.agent_id), words)


def _spare(victim: TaskEntry) -> Send:
    words = SparePreemption(victim.spec.task_id, victim.attempt, victim.resumption)
    return Send(addresses.agent(victim.spec.agent_id), words)
