"""What the queues look like: the waiting time that a task submitted now would meet on each instance."""

from __future__ import annotations

from actors.messages.answers import QueueOfInstance, QueuesDescribed
from actors.scheduler.completion import first_of, wait_behind
from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import worth_it
from actors.scheduler.state import Pool, SchedulerState

DOUBT = 1.35
"""What is expected of execution times is itself not sure: in simulations the waits for those before in line vary by so
much more.
"""

OWN_SHARE, OWN_MOST, OUT_OF_ORDER = 0.2, 1.2, 0.77
"""With lines of their own, the wait is that of a common line, but for this share, in which the instance's own line
counts, up to so many times the common one; and its deviation is this part of the mean. Found by simulation, the same
for all strategies.
"""


def describe_queues(state: SchedulerState, model_name: str, now: float) -> QueuesDescribed:
    """All instances, or those of one model, with expectation and deviation of the wait in milliseconds."""
    shown = [i for i in state.instances.values() if model_name in ("", i.model_name) and i.condition != "draining"]
    common = {name: _wait_in_common_line(state, state.pools[name], now) for name in {i.pool for i in shown}}
    waits = [
        common[i.pool] if state.strategy(i.model_name).pooled else _wait_in_own_line(state, i, common[i.pool], now)
        for i in shown
    ]
    return QueuesDescribed(
        queues=tuple(_describe(instance, *wait) for instance, wait in zip(shown, waits, strict=True)),
        order=state.order(model_name),
        strategy=state.strategy(model_name).name,
        waiting_total=len(state.tasks) - state.running,
        running_total=state.running,
        own_strategies=tuple(state.placement.own),
        strategy_faults=sum(guard.faults for _, guard in state.placement.own.values()),
    )


def _describe(instance: Instance, wait_ms: float, error_ms: float) -> QueueOfInstance:
    return QueueOfInstance(
        model_name=instance.model_name,
        ti_uuid=instance.ti_uuid,
        waiting_time_expect=wait_ms,
        waiting_time_error=error_ms,
        host=instance.host,
        port=instance.port,
        condition=instance.condition,
        capacity=instance.capacity,
        running=len(instance.in_flight),
        waiting=instance.waiting,
    )


def _wait_in_common_line(state: SchedulerState, pool: Pool, now: float) -> tuple[float, float]:
    """Mean and standard deviation (ms) of the wait until a place is there that those in line leave over.

    The first place comes free when the first of the running tasks is done, each later one at the rate at which all
    places together are done with whole tasks. The more places there are, and the more execution times differ, the more
    is left to chance when that is: with many it is as if events came at random, with one it is the deviation of a task.
    """
    waiting = len(pool.line)
    up = [instance for instance in pool.instances.values() if instance.condition == "up"]
    free = pool.standings.free_instances()
    if not up or (not waiting and free and worth_it(pool, free)):
        return 0.0, 0.0
    each = state.predictions.ordinary(pool.name, None)
    irregular = min((each.std_ms / each.mean_ms) ** 2, 1.0) if each.mean_ms > 0.0 else 1.0
    rate = sum(instance.capacity / _positive(state.predict_any(instance).mean_ms) for instance in up)
    left = [state.left_of(state.tasks[task_id], i, now) for i in up for task_id in sorted(i.in_flight)]
    first = first_of(left) if left else 1.0 / rate
    at_random = 1.0 + (irregular - 1.0) / sum(instance.capacity for instance in up)
    variance = at_random * (first**2 + DOUBT * waiting / rate**2)
    return first + waiting / rate, variance**0.5


def _positive(ms: float) -> float:
    return max(ms, 1e-3)


def _wait_in_own_line(
    state: SchedulerState, instance: Instance, common: tuple[float, float], now: float
) -> tuple[float, float]:
    """Mean and standard deviation (ms) of the wait of a task that would queue behind all that waits for this instance.

    Who has nothing of its own left takes what waits for others, so that nobody idles while something waits, and the
    mean wait of all is that of a common line, in whatever order (the conservation law; Kleinrock, 1965). What the own
    line adds to or takes from that is less than it seems: if it is long, others help with it.
    """
    alone = wait_behind(state, instance, now)
    others = [i for i in state.pools[instance.pool].instances.values() if i is not instance and i.condition == "up"]
    if alone.mean_ms <= 0.0 or not others:
        return alone.mean_ms, alone.variance**0.5
    mean_ms = (1.0 - OWN_SHARE) * common[0] + OWN_SHARE * min(alone.mean_ms, OWN_MOST * common[0])
    return mean_ms, OUT_OF_ORDER * mean_ms
