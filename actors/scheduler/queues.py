"""What the queues look like: the waiting time that a task submitted now would meet on each instance."""

from __future__ import annotations

from collections.abc import Sequence

from actors.messages.answers import QueueOfInstance, QueuesDescribed
from actors.scheduler.lookahead import is_worth_it
from actors.scheduler.prediction import Remaining, remaining
from actors.scheduler.state import Instance, Pool, SchedulerState
from actors.scheduler.strategies import STRATEGIES

DOUBT = 1.1
"""What is expected of execution times is itself not sure: waits vary by so much more in simulations."""


def describe_queues(state: SchedulerState, model_name: str, now: float) -> QueuesDescribed:
    """All instances, or those of one model, with expectation and deviation of the wait in milliseconds."""
    shown = [i for i in state.instances.values() if model_name in ("", i.model_name) and i.condition != "draining"]
    return QueuesDescribed(
        queues=tuple(_describe(state, instance, now) for instance in shown),
        order=state.order(model_name),
        strategy=STRATEGIES[state.strategy(model_name).name].name,
        waiting_total=len(state.tasks) - state.running,
        running_total=state.running,
    )


def _describe(state: SchedulerState, instance: Instance, now: float) -> QueueOfInstance:
    wait_ms, error_ms = expected_wait(state, instance, now)
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


def expected_wait(state: SchedulerState, instance: Instance, now: float) -> tuple[float, float]:
    """Mean and standard deviation (ms) of the wait of a task that is submitted now and meant for this instance."""
    if state.strategy(instance.model_name).pooled:
        return _wait_in_common_line(state, state.pools[instance.pool], now)
    return _wait_in_own_line(state, instance, now)


def _wait_in_common_line(state: SchedulerState, pool: Pool, now: float) -> tuple[float, float]:
    """Until a place is there that those in line leave over.

    The first place comes free when the first of the running tasks is done, each later one at the rate at which all
    places together are done with whole tasks. The more places there are, and the more execution times differ, the more
    is left to chance when that is: with many it is as if events came at random, with one it is the deviation of a task.
    """
    waiting = len(pool.line)
    up = [instance for instance in pool.instances.values() if instance.condition == "up"]
    free = [instance for instance in up if instance.has_credit]
    if not up or (not waiting and any(is_worth_it(state, pool, instance) for instance in free)):
        return 0.0, 0.0
    each = state.predictions.ordinary(pool.name, None)
    irregular = min((each.std_ms / each.mean_ms) ** 2, 1.0) if each.mean_ms > 0.0 else 1.0
    rate = sum(instance.capacity / _positive(state.predict_any(instance).mean_ms) for instance in up)
    left = [_left_of(state, instance, task_id, now) for instance in up for task_id in sorted(instance.in_flight)]
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


def _left_of(state: SchedulerState, instance: Instance, task_id: str, now: float) -> Remaining:
    entry = state.tasks[task_id]
    return remaining(state.predict(entry, instance), (now - entry.bound_at) * 1000.0)


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
        entry = state.tasks[task_id]
        left = remaining(state.predict(entry, instance), (now - entry.bound_at) * 1000.0)
        wait_ms, variance = wait_ms + left.mean_ms, variance + left.std_ms**2
    return wait_ms / instance.capacity, variance**0.5 / instance.capacity
