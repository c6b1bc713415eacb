"""Whether an idle instance takes what waits for another: not where the task is done sooner where it is meant to run.

As `lookahead` has it for a common line. What an instance has before it in its own line counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from actors.scheduler.completion import first_of
from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import DEPTH, FASTER, LEAST_WAIT_S, Declined, patience
from actors.scheduler.state import Pool, SchedulerState, TaskEntry


def take_over(
    state: SchedulerState, pool: Pool, free: Sequence[Instance], now: float
) -> tuple[TaskEntry, Instance] | Declined:
    """The first task in line, which is not empty, that had better start on one of these; and on which."""
    slowness = state.predictions.least_log_slowness
    taker = min(free, key=lambda instance: slowness(pool.name, instance.ti_uuid))
    own_log = slowness(pool.name, taker.ti_uuid)
    ahead: dict[str, float] = {}
    chosen: list[TaskEntry] = []
    soonest_ms = float("inf")
    looked_at = 0
    worth = patience(len(pool.line), len(pool.instances))

    def is_better_off(task_id: str) -> bool:
        nonlocal looked_at, soonest_ms
        looked_at += 1
        entry = state.tasks[task_id]
        home = pool.instances.get(entry.tentative)
        faster = own_log - slowness(pool.name, entry.tentative) if home is not None else 0.0
        if home is None or home.condition != "up" or faster <= FASTER:
            chosen.append(entry)
            return True
        if home.ti_uuid not in ahead:
            left = [state.left_of(state.tasks[t], home, now) for t in sorted(home.in_flight)]
            ahead[home.ti_uuid] = first_of(left) if len(left) >= home.capacity else 0.0
            soonest_ms = min(soonest_ms, ahead[home.ti_uuid])
        takes_ms = state.predict(entry, home).mean_ms
        if takes_ms * (exp(faster) - 1.0 - worth) <= ahead[home.ti_uuid]:
            chosen.append(entry)
            return True
        ahead[home.ti_uuid] += takes_ms / home.capacity
        return looked_at >= DEPTH

    pool.line.first(is_better_off)
    if chosen:
        return chosen[0], taker
    return Declined(now + max(soonest_ms / 1000.0, LEAST_WAIT_S))
