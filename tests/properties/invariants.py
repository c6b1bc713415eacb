"""What holds of a scheduler at every moment, worked out from its tasks and instances, not from its lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import astuple
from math import inf

from actors.messages.scopes import overlap
from actors.scheduler import SchedulerState
from actors.scheduler.events import SchedulerEvent, TaskBound
from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import FASTER
from actors.scheduler.state import TaskEntry


def check(state: SchedulerState) -> None:
    """Raise AssertionError where a promise of the state is broken."""
    for task_id in state.tasks:
        places = places_of(state, task_id)
        assert len(places) == 1, f"{task_id} is in {places or 'no place'}"
    held = sum(len(instance.in_flight) for instance in state.instances.values())
    assert state.running == held == sum(1 for entry in state.tasks.values() if entry.ti_uuid), "running is miscounted"
    for instance in state.instances.values():
        waiting = [
            entry
            for task_id, entry in state.tasks.items()
            if not entry.ti_uuid and entry.tentative == instance.ti_uuid and task_id not in state.delayed
        ]
        assert instance.waiting == len(waiting), f"{instance.ti_uuid} counts {instance.waiting}, not {len(waiting)}"
        assert instance.in_flight or instance.condition != "draining", f"{instance.ti_uuid} drains for nothing"
    staying = {"", *(i.ti_uuid for i in state.instances.values() if i.condition != "draining")}
    for task_id, entry in state.tasks.items():
        assert entry.ti_uuid or entry.tentative in staying, f"{task_id} is meant for {entry.tentative}, which is gone"
    for agent in state.agents.values():
        busy = {t for t, entry in state.tasks.items() if entry.ti_uuid and entry.spec.agent_id == agent.agent_id}
        assert agent.busy == busy, f"slots of {agent.agent_id}: {agent.busy}, not {busy}"
        assert len(busy) <= agent.slots, f"{agent.agent_id} runs {len(busy)} on {agent.slots} slots"
        kept = [task_id for task_id in agent.offered if not state.pools[state.tasks[task_id].pool].is_up]
        assert not kept, f"{kept} keep slots of {agent.agent_id}, and nobody can run them"
    running = [entry for entry in state.tasks.values() if entry.ti_uuid]
    for n, entry in enumerate(running):
        together = [other.spec.task_id for other in running[:n] if overlap(entry.spec.scope, other.spec.scope)]
        assert not together, f"{entry.spec.task_id} runs together with {together}, which its scope overlaps"
    check_standings(state)
    check_claims(state)
    check_preemption(state)
    check_shares(state)
    gone = {task_id for line in lines_of(state).values() for task_id in line} - state.tasks.keys()
    assert not gone, f"tasks that have ended still wait: {gone}"
    check_activity(state)
    check_forgotten(state)
    expected = {t: serving_pool(state, e) for t, e in state.tasks.items() if not e.ti_uuid}
    actual = {t: e.pool for t, e in state.tasks.items() if not e.ti_uuid}
    assert actual == expected, "a task waits in a pool that does not serve it"


def check_standings(state: SchedulerState) -> None:
    """What placement goes by without looking at the instances is what looking at them would tell."""
    for pool in state.pools.values():
        known, instances = pool.standings, list(pool.instances.values())
        assert known.instances == instances, f"{pool.name} has {instances}, not {known.instances}"
        assert known.free_instances() == [instance for instance in instances if instance.has_credit]
        for place, instance in enumerate(instances):
            expected = state.predictions.slowness(pool.name, instance.ti_uuid)
            least = state.predictions.least_log_slowness(pool.name, instance.ti_uuid)
            ahead = (len(instance.in_flight) + instance.waiting) / instance.capacity
            is_up = instance.condition == "up"
            assert known.completion[place] == (expected * (ahead + 1.0) if is_up else inf), instance.ti_uuid
            assert known.slowness[place] == (least if is_up else inf), instance.ti_uuid
            assert known.slowness_of([instance]) == [known.slowness[place]]
        soonest = known.soonest(pool.rotation)
        up = [instance for instance in instances if instance.condition == "up"]
        assert (soonest is None) == (not up)
        assert soonest is None or known.completion[instances.index(soonest)] == min(known.completion)


def check_claims(state: SchedulerState) -> None:
    """Who claims a scope is who should, and nothing is left of those who have gone."""
    scoped = {entry.rank: entry for entry in state.tasks.values() if entry.spec.scope}
    assert set(state.claims.running.ranks()) == {rank for rank, entry in scoped.items() if entry.ti_uuid}
    assert set(state.claims.waiting.ranks()) == {rank for rank, entry in scoped.items() if claims(state, entry)}
    ready = {rank for rank, entry in scoped.items() if claims(state, entry) and not blockers(state, entry)}
    assert set(state.claims.standing.ranks()) == ready
    for task_id, ranks in state.claims.behind.items():
        assert task_id in state.tasks, f"somebody is parked behind {task_id}, which has ended"
        assert ranks, f"nobody is parked behind {task_id}"
        for rank in ranks:
            assert task_id in {other.spec.task_id for other in blockers(state, scoped[rank])}
            assert state.claims.parked[rank[2]] == task_id
    assert len(state.claims.parked) == sum(len(ranks) for ranks in state.claims.behind.values())


def check_preemption(state: SchedulerState) -> None:
    """Who gives way does so to one that waits and is strictly more important, and who may be chosen is who should."""
    for task_id, entry in state.tasks.items():
        asker = state.tasks.get(entry.for_task)
        if asker is not None:
            assert asker.asks == task_id, f"{task_id} gives way to a stranger"
            assert asker.level > entry.level, f"{task_id} gives way to one that is no more important"
        if entry.asks:
            assert state.tasks[entry.asks].for_task == task_id, f"{task_id} asks in vain"
        if entry.reserved:
            assert task_id in state.instances[entry.reserved].reserved, f"nothing is kept for {task_id}"
        if entry.ti_uuid:
            assert entry.asks == entry.reserved == "", f"{task_id} runs, and still wants a place"
        else:
            says = (entry.gives_way, entry.for_task, entry.is_protected, entry.cannot_give_way)
            assert says == (False, "", False, False), f"{task_id} waits with what is a runner's: {says}"
        assert (task_id in state.victims) == may_give_way(state, entry), f"{task_id} as a victim"
    for instance in state.instances.values():
        assert all(state.tasks[task_id].reserved == instance.ti_uuid for task_id in instance.reserved)
        assert instance.condition == "up" or not instance.reserved, f"{instance.ti_uuid} keeps what it has not"
    protected = {task_id for task_id, entry in state.tasks.items() if entry.is_protected}
    assert {task_id for task_id, _ in state.protected.items()} == protected


def check_shares(state: SchedulerState) -> None:
    """In fair lines those count that were never started, and clients are remembered only while they are ahead."""
    waiting = Counter((entry.spec.model_name, entry.share.level) for entry in state.tasks.values() if entry.share)
    assert {line: fair.shares.waiting for line, fair in state.fair.items() if fair.shares.waiting} == waiting
    for line, fair in state.fair.items():
        shares, clients = fair.shares, fair.slowdowns.clients
        assert not fair.is_idle, f"nothing is to be remembered of {line}"
        assert all(finish > shares.virtual for finish in shares.finishes.values()), f"{line}: {shares.finishes}"
        assert all(min(astuple(served)) >= 0.0 for served in clients.values()), f"{line}: {clients}"
        summed = math.fsum(served.slowdown for served in clients.values())
        assert math.isclose(fair.slowdowns.total, summed, rel_tol=1e-9, abs_tol=1e-9), f"{line}: {clients}"
    started = [entry.spec.task_id for entry in state.tasks.values() if entry.share and entry.ti_uuid]
    assert not started, f"{started} run, and are yet to use their share"
    keys = [entry.rank for entry in state.tasks.values()]
    assert all(key > 0.0 for _, key, _ in keys), f"a task has no place in line: {keys}"


def may_give_way(state: SchedulerState, entry: TaskEntry) -> bool:
    """Whether this task may be chosen to give way."""
    instance = state.instances.get(entry.ti_uuid)
    if instance is None or instance.condition != "up" or "preempt" not in instance.capabilities:
        return False
    return not entry.gives_way and not entry.is_protected and entry.suspensions < state.rules.limit


def check_activity(state: SchedulerState) -> None:
    """Entries are counted as the tasks say, and are never more than they may be."""
    own = [entry for entry in state.tasks.values() if entry.spec.has_own_agent]
    room = state.activity
    for agent_id in {entry.spec.agent_id for entry in own}:
        entries = sum(1 for entry in own if entry.has_entry and entry.spec.agent_id == agent_id)
        assert room.entries_of(agent_id) == entries <= room.per_agent, f"{agent_id} has {entries} entries"
    entries = sum(1 for entry in own if entry.has_entry)
    assert room.entries == entries <= room.total, f"{entries} entries, counted as {room.entries}"
    assert room.without == len(own) - entries, f"{room.without} go without, not {len(own) - entries}"


def check_forgotten(state: SchedulerState) -> None:
    """Nothing is left of agents and pools that are nobody's any more."""
    agents = {entry.spec.agent_id for entry in state.tasks.values()}
    idle = {name for name, agent in state.agents.items() if not agent.closed} - agents
    assert not idle, f"agents without tasks: {idle}"
    wanted = {name for entry in state.tasks.values() for name in entry.pools}
    empty = {name for name, pool in state.pools.items() if not pool.instances} - wanted
    assert not empty, f"pools without instances that no task wants: {empty}"


def check_quiet(state: SchedulerState) -> None:
    """Nothing that could run waits: for a scheduler that has nothing left to tell itself."""
    for entry in ready_tasks(state):
        able = [instance for instance in takers(state, entry) if not may_be_declined(state, instance)]
        assert not able, f"{entry.spec.task_id} waits though {[instance.ti_uuid for instance in able]} could take it"
    for entry in state.tasks.values():
        if not entry.ti_uuid and not entry.asks and not is_kept_a_place(state, entry):
            victims = [other.spec.task_id for other in in_the_way(state, entry) if may_give_way(state, other)]
            assert not victims, f"{entry.spec.task_id} waits though {victims} could give way to it"
        if entry.asks:
            check_use(state, state.tasks[entry.asks], entry)
    for entry in state.tasks.values():
        if entry.spec.has_own_agent and not entry.has_entry:
            full = state.activity.full_for(entry.spec.agent_id)
            assert full is not None, f"{entry.spec.task_id} has no entry though there is room"


def is_kept_a_place(state: SchedulerState, entry: TaskEntry) -> bool:
    """Whether something has given way to the task where it can start once it is its turn."""
    return entry.reserved in {i.ti_uuid for i in open_to(state, entry)} and entry in ready_tasks(state)


def check_use(state: SchedulerState, victim: TaskEntry, asker: TaskEntry) -> None:
    """Nothing is pressed to give way, and failed where it does not, for one that could not start if it did."""
    instance, agent = state.instances[victim.ti_uuid], state.agents.get(asker.spec.agent_id)
    told = f"{victim.spec.task_id} gives way to {asker.spec.task_id}, "
    assert "preempt" in instance.capabilities, told + "and cannot"
    assert agent is None or not agent.closed, told + "whose agent starts nothing"
    assert open_to(state, asker), told + "which nobody can run"


def in_the_way(state: SchedulerState, entry: TaskEntry) -> list[TaskEntry]:
    """The running tasks that are less important than this waiting one, and of which one is enough to let it go on."""
    less = [other for other in state.tasks.values() if other.ti_uuid and other.level < entry.level]
    if entry.spec.task_id in state.delayed:
        return []
    if entry.spec.scope:
        if not claims(state, entry):
            return []
        blocking = blockers(state, entry)
        if blocking:
            blocker = state.claims.parked[entry.spec.task_id]
            return [other for other in less if other.spec.task_id == blocker]
    agent = state.agents.get(entry.spec.agent_id) if entry.spec.has_own_agent else None
    if agent is not None and agent.closed:
        return []
    if not open_to(state, entry):
        return []
    if agent is not None and len(agent.busy) >= agent.slots:
        before = [state.tasks[t] for t in state.tasks if t in agent.line and state.tasks[t].rank < entry.rank]
        if any(not open_to(state, other) for other in before):
            return []  # a slot that came free would be that one's, which cannot use it
        return [other for other in less if other.spec.agent_id == agent.agent_id]
    if entry not in ready_tasks(state) or takers(state, entry):
        return []
    able = {instance.ti_uuid for instance in open_to(state, entry)}
    return [other for other in less if other.ti_uuid in able]


def watch(state: SchedulerState, events: list[SchedulerEvent], apply: Callable[[], None]) -> None:
    """For `Scheduling`: check each start of a task against the state before it, and the state after it."""
    for event in events:
        if isinstance(event, TaskBound):
            check_start(state, event)
    apply()
    check(state)


def check_start(state: SchedulerState, event: TaskBound) -> None:
    """The task may start now, this instance may take it, and nobody was passed over."""
    entry, instance = state.tasks[event.task_id], state.instances[event.ti_uuid]
    ready = ready_tasks(state)
    assert entry in ready, f"{event.task_id} is not ready"
    assert instance in takers(state, entry), f"{event.ti_uuid} may not take {event.task_id}"
    assert (event.attempt, event.resumption) == (entry.attempt, entry.resumption)
    pooled = state.strategy(instance.model_name).pooled
    for other in ready:
        before = other.rank < entry.rank if pooled else other.rank[0] < entry.rank[0]
        if before and serving_pool(state, other) == instance.pool:
            able = [taker for taker in takers(state, other) if not may_be_declined(state, taker)]
            assert not able, f"{other.spec.task_id} was passed over by {event.task_id}"


def may_be_declined(state: SchedulerState, instance: Instance) -> bool:
    """Whether it is so slow that a task may be better off waiting for another, which is up and busy."""
    pool = state.pools[instance.pool]
    factor = state.predictions.least_log_slowness(pool.name, instance.ti_uuid)
    others = [i.ti_uuid for i in pool.instances.values() if i.condition == "up" and not i.has_credit]
    is_slow = any(factor - state.predictions.least_log_slowness(pool.name, other) > FASTER for other in others)
    strategy = state.strategy(instance.model_name)
    return is_slow and (strategy.pooled or strategy.declines)


def ready_tasks(state: SchedulerState) -> list[TaskEntry]:
    """The tasks that only lack an instance: of each agent, the best that its free slots and their scopes allow."""
    waiting = [e for t, e in state.tasks.items() if not e.ti_uuid and t not in state.delayed]
    waiting = [e for e in waiting if not e.spec.scope or (claims(state, e) and not blockers(state, e))]
    waiting.sort(key=lambda entry: entry.rank)
    ready: list[TaskEntry] = []
    left = {agent.agent_id: 0 if agent.closed else agent.slots for agent in state.agents.values()}
    for entry in state.tasks.values():
        if entry.ti_uuid and entry.spec.has_own_agent:
            left[entry.spec.agent_id] -= 1
    for entry in waiting:
        if not entry.spec.has_own_agent:
            ready.append(entry)
        elif left[entry.spec.agent_id] > 0 and is_up(state, entry):
            left[entry.spec.agent_id] -= 1
            ready.append(entry)
    return ready


def is_up(state: SchedulerState, entry: TaskEntry) -> bool:
    """Whether any instance answers that could run the task."""
    pool = serving_pool(state, entry)
    return any(i.pool == pool and i.condition == "up" for i in state.instances.values())


def claims(state: SchedulerState, entry: TaskEntry) -> bool:
    """Whether a task keeps its scope free of those behind it: it waits, and somebody is up who could run it."""
    if not entry.spec.scope or entry.ti_uuid or entry.spec.task_id in state.delayed:
        return False
    agent = state.agents.get(entry.spec.agent_id)
    return is_up(state, entry) and not (agent is not None and agent.closed)


def blockers(state: SchedulerState, entry: TaskEntry) -> list[TaskEntry]:
    """The tasks whose scopes keep this one waiting: those that run, and those before it in line."""
    return [
        other
        for other in state.tasks.values()
        if other is not entry
        and overlap(entry.spec.scope, other.spec.scope)
        and (other.ti_uuid or (other.rank < entry.rank and claims(state, other)))
    ]


def takers(state: SchedulerState, entry: TaskEntry) -> list[Instance]:
    """The instances that could start this task now."""
    return [instance for instance in open_to(state, entry) if len(instance.in_flight) < instance.capacity]


def open_to(state: SchedulerState, entry: TaskEntry) -> list[Instance]:
    """The instances that may take this task once they have a place free: up, and not where it has failed while
    any other is up."""
    pool = [i for i in state.instances.values() if i.pool == serving_pool(state, entry) and i.condition == "up"]
    return [instance for instance in pool if instance.ti_uuid not in entry.tried] or pool


def serving_pool(state: SchedulerState, entry: TaskEntry) -> str:
    """The first of the task's pools that has an instance to stay, else the last."""
    served = {instance.pool for instance in state.instances.values() if instance.condition != "draining"}
    return next((pool for pool in entry.pools if pool in served), entry.pools[-1])


def places_of(state: SchedulerState, task_id: str) -> list[str]:
    """Everywhere the task is; offers of its agent and own lines are views of a pool's line, and checked as such."""
    entry = state.tasks[task_id]
    lines = lines_of(state)
    places = [name for name, line in lines.items() if task_id in line]
    if task_id in state.delayed:
        places.append("delayed")
    if task_id in state.claims.parked:
        places.append("parked")
    if task_id in state.claims.idle:
        places.append("idle")
    places += [f"on {i.ti_uuid}" for i in state.instances.values() if task_id in i.in_flight]
    standing = f"line of {entry.pool}" in places or f"returned of {entry.pool}" in places
    if entry.spec.has_own_agent:
        agent = state.agents.get(entry.spec.agent_id)
        offered = agent is not None and task_id in agent.offered
        assert offered == standing, f"{task_id} offered: {offered}, in the pool's line: {standing}"
    own = [i for i in state.instances.values() if task_id in i.own_line]
    assert all(i.pool == entry.pool and i.ti_uuid == entry.tentative for i in own), f"{task_id} in a foreign own line"
    assert not own or f"line of {entry.pool}" in places, f"{task_id} in an own line, and not in its pool's"
    return places


def lines_of(state: SchedulerState) -> dict[str, Iterable[str]]:
    """Who stands in which line."""
    ids = list(state.tasks)
    lines: dict[str, Iterable[str]] = {}
    for pool in state.pools.values():
        lines[f"line of {pool.name}"] = [t for t in ids if t in pool.line]
        lines[f"returned of {pool.name}"] = [t for t in ids if any(t in line for line in pool.returned.values())]
        for tried, line in pool.returned.items():
            alike = [t for t in ids if t in line]
            assert len(line) == len(alike) > 0, f"strangers among the returned of {pool.name}"
            assert all(frozenset(state.tasks[t].tried) == tried for t in alike), f"not all failed on {tried}"
        assert len(pool.line) == len(list(lines[f"line of {pool.name}"])), f"strangers in the line of {pool.name}"
    for agent in state.agents.values():
        lines[f"unserved of {agent.agent_id}"] = sorted(agent.unserved)
        lines[f"behind {agent.agent_id}"] = [t for t in ids if t in agent.line]
        assert len(agent.line) == len(list(lines[f"behind {agent.agent_id}"])), f"strangers behind {agent.agent_id}"
        assert agent.offered.keys() <= state.tasks.keys(), f"{agent.agent_id} offers what has ended"
    return lines
