"""Who has to give way: what was asked for by name, and what runs while something more important waits for its place.

A task may be made to give way to one that is strictly more important and waits for a place where it runs, for a slot
of its agent, or for its scope; the place is then kept for that one. What was resumed runs for a while first, and
gives way so a limited number of times: nothing thrashes.
"""

from __future__ import annotations

from actors import addresses
from actors.addresses import SCHEDULER
from actors.behaviour import Decision, Effect, Now, Reply, Send
from actors.messages import scheduler as msg
from actors.messages.agent import PreemptTask, SparePreemption
from actors.messages.answers import PreemptionAnswered
from actors.scheduler import events as ev
from actors.scheduler import openings, registry
from actors.scheduler.pools import slots_of_agent
from actors.scheduler.state import AgentSlots, Pool, SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank

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
    event = _started(entry, entry.for_task, message.reason) if can else noted
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
            *around(state, entry),
            *seek_for(state, entry.spec.task_id, entry.spec.priority),
        ],
    )


def seek(state: SchedulerState, message: msg.SeekRoom) -> Verdict:
    """Make something give way to this task, if it needs and deserves that."""
    if not message.task_id:
        return _seek_everywhere(state, message)
    asker = state.tasks.get(message.task_id)
    victim = _victim_for(state, asker) if asker is not None else None
    return Decision() if asker is None or victim is None else _make_room(asker, victim)


def seek_in_pool(state: SchedulerState, pool: Pool, again: msg.PlaceTasks) -> Verdict:
    """Nothing can be started in the pool: make room for the first in its lines that deserves it, and look again."""
    rank = _first_without_room(state, pool)
    if rank is None or not state.victims.has_below(-rank[0], pool.name):
        return Decision()
    asker = state.tasks[rank[2]]
    victim = _victim_for(state, asker)
    if victim is None:
        return Decision()
    made = _make_room(asker, victim)
    return Decision(events=made.events, effects=[*made.effects, Send(SCHEDULER, again)])


def seek_for(state: SchedulerState, task_id: str, priority: int) -> list[Send]:
    """A task begins to wait: look whether it deserves room, unless surely nothing is less important."""
    return [Send(SCHEDULER, msg.SeekRoom(task_id))] if state.victims.has_below(priority) else []


def around(state: SchedulerState, entry: TaskEntry) -> list[Send]:
    """The task starts or stops running: look at who waits for a slot of its agent, or, where it stops, its scope."""
    seekers: list[str] = []
    agent = state.agents.get(entry.spec.agent_id)
    first = _first_without_slot(state, agent) if agent is not None else None
    seekers += [first[2]] if first is not None else []
    if entry.ti_uuid and entry.spec.scope and len(state.victims):
        behind = min(state.claims.behind.get(entry.spec.task_id, ()), default=None)
        seekers += [behind[2]] if behind is not None else []
    return [Send(SCHEDULER, msg.SeekRoom(task_id)) for task_id in seekers]


def spared(state: SchedulerState, entry: TaskEntry) -> list[Effect]:
    """The task waits no longer: whoever was to give way to it is not forced to any more."""
    victim = state.tasks.get(entry.asks)
    if victim is None:
        return []
    spare = SparePreemption(victim.spec.task_id, victim.attempt, victim.resumption)
    return [Send(addresses.agent(victim.spec.agent_id), spare)]


def end_protection(state: SchedulerState, now: Now) -> Verdict | None:
    """Resumed tasks have run for a while: who waits may make them give way again. None where none has."""
    due = [state.tasks[task_id] for task_id in state.protected.due_by(now)]
    if not due:
        return None
    pools = {state.instances[entry.ti_uuid].pool for entry in due if entry.ti_uuid in state.instances}
    return Decision(
        events=[ev.ProtectionEnded(entry.spec.task_id) for entry in due],
        effects=[*openings.in_pools(pools), Send(SCHEDULER, msg.SeekRoom())],
    )


def _victim_for(state: SchedulerState, asker: TaskEntry) -> TaskEntry | None:
    """What gives way to this waiting task: of its scope, its agent's slots or its pool, whichever it waits for."""
    task_id, priority = asker.spec.task_id, asker.spec.priority
    if asker.ti_uuid or not _lacks_room(state, asker) or not state.victims.has_below(priority):
        return None
    agent = state.agents.get(asker.spec.agent_id) if asker.spec.has_own_agent else None
    pool = state.pools.get(asker.pool)
    if asker.spec.scope and asker.rank not in state.claims.standing:
        chosen = state.claims.parked.get(task_id)
        is_less = chosen in state.victims and state.tasks[chosen].spec.priority < priority if chosen else False
        return state.tasks[chosen] if chosen and is_less else None
    if agent is not None and task_id in agent.line:
        chosen = state.victims.choose(priority, slots_of_agent(agent.agent_id)) if agent.free <= 0 else None
    elif pool is None or not _stands_in(pool, asker) or any(i.has_credit for i in pool.instances.values()):
        chosen = None
    else:
        chosen = state.victims.choose(priority, pool.name)
    return state.tasks[chosen] if chosen else None


def _seek_everywhere(state: SchedulerState, again: msg.SeekRoom) -> Verdict:
    """Make room for one task that waits for a slot or a scope, and look again."""
    if not len(state.victims):
        return Decision()
    behind = [min(ranks) for task_id, ranks in state.claims.behind.items() if task_id in state.victims]
    in_slots = [rank for agent in state.agents.values() if (rank := _first_without_slot(state, agent)) is not None]
    for rank in sorted([*behind, *in_slots]):
        asker = state.tasks[rank[2]]
        victim = _victim_for(state, asker)
        if victim is not None:
            made = _make_room(asker, victim)
            return Decision(events=made.events, effects=[*made.effects, Send(SCHEDULER, again)])
    return Decision()


def _first_without_slot(state: SchedulerState, agent: AgentSlots) -> Rank | None:
    """The first in the agent's line that nobody gives way to yet; None at once where nothing could."""
    head = agent.line.head()
    if head is None or not state.victims.has_below(-head[0], slots_of_agent(agent.agent_id)):
        return None
    return agent.line.first(lambda task_id: _lacks_room(state, state.tasks[task_id]))


def _first_without_room(state: SchedulerState, pool: Pool) -> Rank | None:
    """The first in the pool's lines that nobody gives way to yet; None at once where nothing could."""
    lines = [pool.line, *pool.returned.values()]
    heads = [head for line in lines if (head := line.head()) is not None]
    if not heads or not state.victims.has_below(-min(heads)[0], pool.name):
        return None

    def lacks_room(task_id: str) -> bool:
        return _lacks_room(state, state.tasks[task_id])

    return min((rank for line in lines if (rank := line.first(lacks_room)) is not None), default=None)


def _lacks_room(state: SchedulerState, asker: TaskEntry) -> bool:
    """Whether nothing gives way to this waiting task, nor has where it can still start."""
    kept = state.instances.get(asker.reserved)
    return not asker.asks and (kept is None or kept.pool != asker.pool)


def _stands_in(pool: Pool, entry: TaskEntry) -> bool:
    task_id = entry.spec.task_id
    alike = pool.returned.get(frozenset(entry.tried))
    return task_id in pool.line or (alike is not None and task_id in alike)


def _make_room(asker: TaskEntry, victim: TaskEntry) -> Verdict:
    reason = f"task {asker.spec.task_id} of priority {asker.spec.priority} needs its place"
    return Decision(events=[_started(victim, asker.spec.task_id, reason)], effects=[_ask(victim, reason, None)])


def _started(victim: TaskEntry, for_task: str, reason: str) -> ev.PreemptionStarted:
    spec = victim.spec
    return ev.PreemptionStarted(spec.task_id, spec.agent_id, victim.attempt, victim.resumption, for_task, reason)


def _ask(victim: TaskEntry, reason: str, grace_s: float | None) -> Send:
    words = PreemptTask(victim.spec.task_id, victim.attempt, victim.resumption, reason, grace_s)
    return Send(addresses.agent(victim.spec.agent_id), words)
