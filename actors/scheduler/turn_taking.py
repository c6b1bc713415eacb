"""Turns move on with each task that is given to an instance, where the strategy takes turns. Used by `evolve` alone."""

from __future__ import annotations

from actors.scheduler.state import SchedulerState
from actors.scheduler.strategies.turns import next_turns


def give(state: SchedulerState, pool_name: str, ti_uuid: str) -> None:
    """A task is meant for this instance."""
    pool = state.pools.get(pool_name)
    chosen = pool.instances.get(ti_uuid) if pool is not None else None
    if pool is None or chosen is None:
        return
    strategy = state.strategy(chosen.model_name)
    if not strategy.takes_turns:
        return
    able = pool.choosable()
    weights = [instance.weight if strategy.by_weight else 1.0 for instance in able]
    after = next_turns([instance.turn for instance in able], weights, able.index(chosen) if chosen in able else None)
    for instance, turn in zip(able, after, strict=True):
        instance.turn = turn
