"""What the queues look like: the waiting time that a task submitted now would meet on each instance."""

from __future__ import annotations

from actors.messages.answers import QueueOfInstance, QueuesDescribed
from actors.scheduler.prediction import remaining
from actors.scheduler.state import Instance, SchedulerState
from actors.scheduler.strategies import STRATEGIES


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
