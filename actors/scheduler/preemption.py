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
from actors.messages.scopes import overlap
from actors.scheduler import events as ev
from actors.scheduler import openings, placement, registry, yielders
from actors.scheduler.pools import slots_of_agent
from actors.scheduler.state import AgentSlots, Instance, Pool, SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank

Verdict = Decision[ev.SchedulerEvent]


def request(state: SchedulerState, message: msg.RequestPreemption) -> Verdict:
    """Somebody wants a task to give way; one that is unknown, ended or another agent's is not asked.

    One that waits has nothing to give. One whose instance cannot be asked runs to its end.
    """
    entry = state.tasks.get(message.task_id)
    if entry is None or entry.spec.agent_id != message.agent_id:
        return Decision(effects=[Reply(PreemptionAnswered(enqueued=False))])
    answer = Reply(PreemptionAnswered(enqueued=True))
    instance = state.instances.get(entry.ti_uuid)
    if instance is None or not instance.can_preempt:
        noted = ev.PreemptionQueued(message.task_id, message.agent_id, message.reason)
        return Decision(events=[noted], effects=[answer])
    started = _started(entry, "", message.reason)
    return Decision(events=[started], effects=[answer, _ask(entry, message.reason, message.grace_s)])


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
            *seek_for(state, entry.spec.task_id, entry.spec.priority),
        ],
    )


def seek(state: SchedulerState, message: msg.SeekRoom) -> Verdict:
    """Make something give way to this task, if it needs and deserves that."""
    if message.agent_id:
        return _seek_slot(state, message)
    if not message.task_id:
        return _withdraw(state, message) or _seek_everywhere(state, message)
    asker = state.tasks.get(message.task_id)
    victim = _victim_for(state, asker) if asker is not None else None
    return Decision() if asker is None or victim is None else _make_room(asker, victim)


def seek_in_pool(state: SchedulerState, pool: Pool, again: msg.PlaceTasks) -> Verdict:
    """Nothing can be started in the pool: make room for the first in its lines that deserves it, and look again."""
    for rank in _first_without_room(state, pool):
        asker = state.tasks[rank[2]]
        victim = _victim_for(state, asker)
        if victim is not None:
            return _make_room(asker, victim, again)
    return Decision()


def seek_for(state: SchedulerState, task_id: str, priority: int) -> list[Send]:
    """A task begins to wait: look whether it deserves room, unless surely nothing is less important."""
    return [Send(SCHEDULER, msg.SeekRoom(task_id))] if state.victims.has_below(priority) else []


def after_starting(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """The task starts: its agent may have no slot left for one that deserves it."""
    agent = state.agents.get(entry.spec.agent_id)
    head = agent.line.head() if agent is not None else None
    if agent is None or head is None or not state.victims.has_below(-head[0], slots_of_agent(agent.agent_id)):
        return []
    return [Send(SCHEDULER, msg.SeekRoom(agent_id=agent.agent_id))]


def after_leaving(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """The task runs or waits no longer: whoever waited behind it for its scope now waits for another, or a slot."""
    behind = sorted(state.claims.behind.get(entry.spec.task_id, ())) if len(state.victims) else []
    seekers = [msg.SeekRoom(rank[2]) for rank in behind if state.victims.has_below(-rank[0])]
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
    behind = {rank for v in victims if (rank := _first_behind(state, v.spec.task_id)) is not None}
    seekers = [*(msg.SeekRoom(agent_id=a) for a in sorted(agents)), *(msg.SeekRoom(r[2]) for r in sorted(behind))]
    return [*openings.in_pools(pools), *(Send(SCHEDULER, seeker) for seeker in seekers)]


def _victim_for(state: SchedulerState, asker: TaskEntry) -> TaskEntry | None:
    """What gives way to this waiting task: of its scope, its agent's slots or its pool, whichever it waits for."""
    task_id, priority = asker.spec.task_id, asker.spec.priority
    if asker.ti_uuid or not _lacks_room(state, asker) or not state.victims.has_below(priority):
        return None
    if not state.may_claim(asker.spec, asker.pool):
        return None
    if asker.spec.scope and asker.rank not in state.claims.standing:
        chosen = state.claims.parked.get(task_id)
        is_less = chosen in state.victims and state.tasks[chosen].spec.priority < priority if chosen else False
        return state.tasks[chosen] if chosen and is_less else None
    agent = state.agents.get(asker.spec.agent_id) if asker.spec.has_own_agent else None
    pool = state.pools.get(asker.pool)
    if agent is not None and task_id in agent.line:
        chosen = state.victims.choose(priority, slots_of_agent(agent.agent_id)) if agent.free <= 0 else None
    elif pool is not None and pool.has_in_line(asker):
        chosen = _in_the_way(state, asker, pool)
    else:
        chosen = None
    return state.tasks[chosen] if chosen else None


def _in_the_way(state: SchedulerState, asker: TaskEntry, pool: Pool) -> str | None:
    """What gives way to a task that stands in the pool's line, on an instance that may take it, where none is free."""
    able = placement.takers(pool, frozenset(asker.tried))
    if any(instance.has_credit for instance in able):
        return None
    if not asker.tried:
        return state.victims.choose(asker.spec.priority, pool.name)
    names = {instance.ti_uuid for instance in able}
    return state.victims.choose(asker.spec.priority, pool.name, lambda task_id: state.tasks[task_id].ti_uuid in names)


def _withdraw(state: SchedulerState, again: msg.SeekRoom) -> Verdict | None:
    """Let one that is to give way be, where nobody can use its place any more, and look again; None where none is."""
    asked = (state.tasks[task_id] for i in state.instances.values() for task_id in i.in_flight)
    for victim in asked:
        asker = state.tasks.get(victim.for_task)
        if asker is not None and not _helps(state, victim, asker):
            events = [ev.PreemptionWithdrawn(victim.spec.task_id, victim.spec.agent_id, asker.spec.task_id)]
            retry = [*openings.in_pools({asker.pool}), Send(SCHEDULER, again)]
            return Decision(events=events, effects=retry if victim.is_named else [_spare(victim), *retry])
    return None


def _helps(state: SchedulerState, victim: TaskEntry, asker: TaskEntry) -> bool:
    """Whether this task, should it give way, leaves something that the other needs and can use."""
    instance = state.instances[victim.ti_uuid]
    if not instance.can_preempt or not state.may_claim(asker.spec, asker.pool):
        return False
    shares_slots = asker.spec.has_own_agent and asker.spec.agent_id == victim.spec.agent_id
    if shares_slots or (asker.spec.scope and overlap(asker.spec.scope, victim.spec.scope)):
        return True
    return instance.condition == "up" and instance.pool == asker.pool


def _seek_slot(state: SchedulerState, again: msg.SeekRoom) -> Verdict:
    """Make room for the first that waits for a slot of the agent and deserves it, and look again."""
    agent = state.agents.get(again.agent_id)
    rank = _first_without_slot(state, agent) if agent is not None else None
    asker = state.tasks[rank[2]] if rank is not None else None
    victim = _victim_for(state, asker) if asker is not None else None
    return Decision() if asker is None or victim is None else _make_room(asker, victim, again)


def _seek_everywhere(state: SchedulerState, again: msg.SeekRoom) -> Verdict:
    """Make room for one task that waits for a slot or a scope, and look again."""
    if not len(state.victims):
        return Decision()
    blockers = [task_id for task_id in state.claims.behind if task_id in state.victims]
    behind = [rank for task_id in blockers if (rank := _first_behind(state, task_id)) is not None]
    in_slots = [rank for agent in state.agents.values() if (rank := _first_without_slot(state, agent)) is not None]
    for rank in sorted([*behind, *in_slots]):
        asker = state.tasks[rank[2]]
        victim = _victim_for(state, asker)
        if victim is not None:
            return _make_room(asker, victim, again)
    return Decision()


def _first_behind(state: SchedulerState, task_id: str) -> Rank | None:
    """The first of those that wait behind this task for its scope, and that nobody gives way to yet."""
    ranks = state.claims.behind.get(task_id, ())
    return min((rank for rank in ranks if _lacks_room(state, state.tasks[rank[2]])), default=None)


def _first_without_slot(state: SchedulerState, agent: AgentSlots) -> Rank | None:
    """The first in the agent's line that nobody gives way to yet; None at once where nothing could."""
    head = agent.line.head()
    if head is None or agent.free > 0 or not state.victims.has_below(-head[0], slots_of_agent(agent.agent_id)):
        return None
    return agent.line.first(lambda task_id: _lacks_room(state, state.tasks[task_id]))


def _first_without_room(state: SchedulerState, pool: Pool) -> list[Rank]:
    """The first in each of the pool's lines that nobody gives way to yet; none at once where nothing could."""
    lines = [pool.line, *pool.returned.values()]
    heads = [head for line in lines if (head := line.head()) is not None]
    if not heads or not state.victims.has_below(-min(heads)[0], pool.name):
        return []

    def lacks_room(task_id: str) -> bool:
        return _lacks_room(state, state.tasks[task_id])

    return sorted(rank for line in lines if (rank := line.first(lacks_room)) is not None)


def _lacks_room(state: SchedulerState, asker: TaskEntry) -> bool:
    """Whether nothing gives way to this waiting task, nor has where it can still start."""
    kept = state.instances.get(asker.reserved)
    is_kept = kept is not None and kept.pool == asker.pool and state.pools[kept.pool].has_in_line(asker)
    return not asker.asks and not is_kept


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
