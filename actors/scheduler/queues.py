"""What the queues look like: the waiting time that a task submitted now would meet on each instance."""

from __future__ import annotations

from collections.abc import Sequence

from actors.messages.answers import QueueOfInstance, QueuesDescribed
from actors.scheduler.instance import Instance
from actors.scheduler.lookahead import worth_it
from actors.scheduler.prediction import Remaining
from actors.scheduler.state import Pool, SchedulerState
from actors.scheduler.strategies import STRATEGIES

DOUBT = 1.1
"""What is expected of execution times is itself not sure: waits vary by so much more in simulations."""


def describe_queues(state: SchedulerState, model_name: str, now: float) -> QueuesDescribed:
    """All instances, or those of one model, with expectation and deviation of the wait in milliseconds."""
    shown = [i for i in state.instances.values() if model_name in ("", i.model_name) and i.condition != "draining"]
    common = {
        instance.pool: _wait_in_common_line(state, state.pools[instance.pool], now)
        for instance in {i.pool: i for i in shown if state.strategy(i.model_name).pooled}.values()
    }
    waits = [common.get(instance.pool) or _wait_in_own_line(state, instance, now) for instance in shown]
    return QueuesDescribed(
        queues=tuple(_describe(instance, *wait) for instance, wait in zip(shown, waits, strict=True)),
        order=state.order(model_name),
        strategy=STRATEGIES[state.strategy(model_name).name].name,
        waiting_total=len(state.tasks) - state.running,
        running_total=state.running,
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
    free = [instance for instance in up if instance.has_credit]
    if not up or (not waiting and free and worth_it(pool, free)):
        return 0.0, 0.0
    each = state.predictions.ordinary(pool.name, None)
    irregular = min((each.std_ms / each.mean_ms) ** 2, 1.0) if each.mean_ms > 0.0 else 1.0
    rate = sum(instance.capacity / _positive(state.predict_any(instance).mean_ms) for instance in up)
    left = [state.left_of(state.tasks[task_id], i, now) for i in up for task_id in sorted(i.in_flight)]
    first = _first_of(left) if left else 1.0 / rate
    at_random = 1.0 + (irregular - 1.0) / sum(instance.capacity for instance in up)
    variance = DOUBT * at_random * (first**2 + waiting / rate**2)
    return first + waiting / rate, variance**0.5


def _first_of(left: Sequence[Remaining]) -> float:
    """When the first of them is done (ms), by Weibull's distribution of their deviation."""
    means = [_positive(each.mean_ms) for each in left]
    variation = sum(each.std_ms for each in left) / sum(means)
    shape = 1.0 / min(max(variation, 0.02), 1.0)
    least = min(means)
    return least * float(sum((least / mean) ** shape for mean in means) ** (-1.0 / shape))


def _positive(ms: float) -> float:
    return max(ms, 1e-3)


def _wait_in_own_line(state: SchedulerState, instance: Instance, now: float) -> tuple[float, float]:
    """Mean and standard deviation (ms) of the wait of a task that would queue behind all that waits here.

    What runs counts with what is left of it after the time it has run; the work ahead is shared by the instance's
    places. The deviations of the tasks ahead add up as independent ones do.
    """
    if instance.has_credit and instance.waiting == 0:
        return 0.0, 0.0
    each = state.predict_any(instance)
    wait_ms, variance = instance.waiting * each.mean_ms, instance.waiting * each.std_ms**2
    for task_id in sorted(instance.in_flight):
        left = state.left_of(state.tasks[task_id], instance, now)
        wait_ms, variance = wait_ms + left.mean_ms, variance + left.std_ms**2
    return wait_ms / instance.capacity, variance**0.5 / instance.capacity
