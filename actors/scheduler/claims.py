"""Tasks whose scopes overlap run one after the other, in the order of the line. Used by `evolve` alone.

A task without a scope passes straight on to the lines. One with a scope enters them once nothing that overlaps runs or
waits before it. Ranks are a total order and what runs waits for nothing, so there is always a first that may go.
"""

from __future__ import annotations

from actors.messages.scopes import paths_of
from actors.scheduler import lines
from actors.scheduler.state import SchedulerState, TaskEntry
from actors.scheduler.waiting_line import Rank


def enter(state: SchedulerState, entry: TaskEntry) -> None:
    """A task begins to wait."""
    lines.count_tentative(state, entry, 1)
    if not entry.spec.scope:
        lines.line_up(state, entry)
    elif state.may_claim(entry.spec, entry.pool):
        _claim(state, entry)
    else:
        state.claims.idle[entry.spec.task_id] = entry.rank


def leave(state: SchedulerState, entry: TaskEntry) -> None:
    """A task no longer waits, and is not running either."""
    if entry.spec.task_id in state.delayed:
        state.delayed.cancel(entry.spec.task_id)
        return
    lines.count_tentative(state, entry, -1)
    lines.step_out(state, entry)
    if entry.spec.scope:
        state.claims.idle.pop(entry.spec.task_id, None)
        _give_up(state, entry)


def run(state: SchedulerState, entry: TaskEntry) -> None:
    """A task that stood in a line now runs; who waits behind it goes on doing so."""
    lines.count_tentative(state, entry, -1)
    lines.step_out(state, entry)
    if entry.spec.scope:
        state.claims.standing.discard(entry.rank)
        state.claims.waiting.discard(entry.rank)
        hold(state, entry)


def hold(state: SchedulerState, entry: TaskEntry) -> None:
    """The scope of a task that runs is taken."""
    if entry.spec.scope:
        state.claims.running.add(entry.rank, paths_of(entry.spec.scope))


def release(state: SchedulerState, entry: TaskEntry) -> None:
    """A task with a scope no longer runs: its scope is free for the next."""
    state.claims.running.discard(entry.rank)
    _let_go_on(state, entry.spec.task_id)


def review(state: SchedulerState) -> None:
    """Instances or agents have come, gone or changed: only tasks that somebody could run keep others waiting."""
    claims = state.claims
    for rank in sorted([*claims.idle.values(), *claims.waiting.ranks()]):
        entry = state.tasks[rank[2]]
        is_idle = rank[2] in claims.idle
        if is_idle != state.may_claim(entry.spec, entry.pool):
            continue
        if is_idle:
            del claims.idle[rank[2]]
            _claim(state, entry)
        else:
            _step_out(state, entry)
            _give_up(state, entry)
            claims.idle[rank[2]] = rank


def _claim(state: SchedulerState, entry: TaskEntry) -> None:
    """The task keeps its scope free of those after it, and goes where it may."""
    claims, rank, paths = state.claims, entry.rank, paths_of(entry.spec.scope)
    claims.waiting.add(rank, paths)
    for later in claims.standing.all_after(rank, paths):
        _step_out(state, state.tasks[later[2]])
        _park(state, later, rank)
    _stand_or_park(state, rank)


def _give_up(state: SchedulerState, entry: TaskEntry) -> None:
    claims, rank = state.claims, entry.rank
    claims.waiting.discard(rank)
    claims.standing.discard(rank)
    former = claims.parked.pop(rank[2], None)
    if former is not None:
        _unpark(state, rank, former)
    _let_go_on(state, rank[2])


def _let_go_on(state: SchedulerState, task_id: str) -> None:
    """Who was parked behind this task takes a place in line, or parks behind another."""
    for rank in sorted(state.claims.behind.pop(task_id, ())):
        del state.claims.parked[rank[2]]
        _stand_or_park(state, rank)


def _stand_or_park(state: SchedulerState, rank: Rank) -> None:
    entry = state.tasks[rank[2]]
    paths = paths_of(entry.spec.scope)
    blocker = state.claims.blocker(rank, paths)
    if blocker is not None:
        _park(state, rank, blocker)
        return
    state.claims.standing.add(rank, paths)
    lines.line_up(state, entry)


def _step_out(state: SchedulerState, entry: TaskEntry) -> None:
    """Out of its line, where it stands in one; its agent offers another instead."""
    if entry.rank not in state.claims.standing:
        return
    state.claims.standing.discard(entry.rank)
    lines.step_out(state, entry)
    if entry.spec.has_own_agent:
        lines.fill_slots(state, state.agent(entry.spec.agent_id))


def _park(state: SchedulerState, rank: Rank, blocker: Rank) -> None:
    state.claims.parked[rank[2]] = blocker[2]
    state.claims.behind.setdefault(blocker[2], set()).add(rank)


def park_as_before(state: SchedulerState, parked: dict[str, str]) -> None:
    """Of several that a task could be parked behind, take the one that it was: who gives way to it depends on that."""
    for task_id, blocker_id in parked.items():
        rank, former = state.tasks[task_id].rank, state.claims.parked[task_id]
        if former != blocker_id:
            _unpark(state, rank, former)
            _park(state, rank, state.tasks[blocker_id].rank)


def _unpark(state: SchedulerState, rank: Rank, blocker_id: str) -> None:
    others = state.claims.behind[blocker_id]
    others.discard(rank)
    if not others:
        del state.claims.behind[blocker_id]
