"""The waiting times of `/queue/info` are real: from recorded execution times, what runs, and what waits."""

from __future__ import annotations

import pytest

from actors.messages.answers import QueuesDescribed
from actors.messages.scheduler import DescribeQueues, SetStrategy, TaskSettled
from actors.messages.tasks import Features
from actors.scheduler import SchedulerPolicy
from actors.scheduler.prediction import parse_table
from actors.task_lifecycle import TaskState
from tests.unit.scheduling import Scheduling, port_of, submit


def warmed_up(*execution_ms: float, capacity: int = 1) -> Scheduling:
    """One instance whose executions have taken so long (ms)."""
    scheduling = Scheduling()
    scheduling.register("i1", capacity=capacity)
    for n, took in enumerate(execution_ms):
        scheduling.tell(submit(f"warm{n}"))
        scheduling.settle(f"warm{n}", took)
    return scheduling


def wait(scheduling: Scheduling) -> tuple[float, float]:
    """Expectation and error (ms) at `i1`."""
    queue = scheduling.queues()["i1"]
    return queue.waiting_time_expect, queue.waiting_time_error


def test_an_instance_with_a_place_free_has_no_wait() -> None:
    scheduling = warmed_up(100.0, capacity=2)
    scheduling.tell(submit("t1"))
    assert wait(scheduling) == (0.0, 0.0)


def test_what_runs_counts_with_what_is_left_of_it() -> None:
    scheduling = warmed_up(*[100.0] * 50)
    scheduling.tell(submit("t1"))
    assert wait(scheduling)[0] == pytest.approx(100.0)
    scheduling.now += 0.04
    assert wait(scheduling)[0] == pytest.approx(60.0, rel=0.01)
    scheduling.now += 0.96
    assert 100.0 < wait(scheduling)[0] < 1000.0, "what is overdue by 900 ms is not about to end"


def test_what_waits_counts_whole_and_is_shared_by_the_places() -> None:
    scheduling = warmed_up(100.0, capacity=2)
    for n in range(6):
        scheduling.tell(submit(f"t{n}"))
    assert wait(scheduling)[0] == pytest.approx((2 * 100.0 + 4 * 100.0) / 2, rel=0.12), (
        "as far as it is sure of itself by now"
    )


def test_the_error_is_the_deviation_of_all_that_is_ahead() -> None:
    scheduling = warmed_up(*[50.0, 150.0] * 50)
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
    expect, error = wait(scheduling)
    assert expect == pytest.approx(400.0, rel=0.1)
    deviation = 50.0 * 4**0.5
    assert 0.95 * deviation < error < 1.25 * deviation, "and a little more, as what is expected is itself not sure"


def test_what_failed_teaches_nothing_of_how_long_tasks_take() -> None:
    scheduling = warmed_up(100.0)
    scheduling.tell(submit("t1"))
    scheduling.tell(TaskSettled("t1", TaskState.FAILED, 1.0))
    scheduling.tell(submit("t2"))
    assert wait(scheduling)[0] == pytest.approx(100.0)


def test_an_instance_that_is_gone_or_runs_another_model_is_forgotten() -> None:
    scheduling = warmed_up(100.0)
    assert list(scheduling.state.predictions.learnt.speeds) == ["i1"]
    scheduling.register("again", model="other", port=port_of("i1"))
    assert not scheduling.state.predictions.learnt.speeds
    scheduling.tell(submit("t1", model="other"))
    scheduling.settle("t1", 5.0)
    assert list(scheduling.state.predictions.learnt.speeds) == ["i1"]
    scheduling.remove("i1")
    assert not scheduling.state.predictions.learnt.speeds


def test_a_measured_table_is_what_is_expected_of_its_model() -> None:
    table = parse_table("task_kind,q50_ms,q95_ms\nchat,400,400\n", is_json=False)
    scheduling = Scheduling(SchedulerPolicy(tables={"m": table}))
    scheduling.register("i1")
    scheduling.tell(submit("t1", features=Features("chat")))
    assert wait(scheduling)[0] == pytest.approx(400.0)


def test_what_runs_counts_with_what_it_says_of_itself() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    for n in range(40):
        kind, took = ("long", 1000.0) if n % 2 else ("short", 10.0)
        scheduling.tell(submit(f"warm{n}", features=Features(kind)))
        scheduling.settle(f"warm{n}", took)
    scheduling.tell(submit("t1", features=Features("short")))
    assert wait(scheduling)[0] == pytest.approx(10.0, rel=0.1)
    scheduling.settle("t1")
    scheduling.tell(submit("t2", features=Features("long")))
    assert wait(scheduling)[0] == pytest.approx(1000.0, rel=0.1)


def test_before_the_first_report_a_second_a_task_is_assumed() -> None:
    scheduling = warmed_up()
    for n in range(3):
        scheduling.tell(submit(f"t{n}"))
    assert wait(scheduling)[0] == pytest.approx(3000.0)


def test_only_executions_that_were_reported_teach() -> None:
    scheduling = warmed_up(100.0)
    scheduling.tell(submit("t1"))
    scheduling.settle("t1", None)
    scheduling.tell(submit("t2"))
    assert wait(scheduling)[0] == pytest.approx(100.0)


def test_each_instance_shows_itself_and_the_totals_are_of_all() -> None:
    scheduling = warmed_up()
    scheduling.register("i2", model="n", capacity=4)
    for n in range(3):
        scheduling.tell(submit(f"t{n}"))
    scheduling.tell(submit("t3", model="n"))
    scheduling.down("i2")
    described = scheduling.tell(DescribeQueues()).answer
    assert isinstance(described, QueuesDescribed)
    assert (described.strategy, described.waiting_total, described.running_total) == ("shortest_queue", 2, 2)
    first, second = described.queues
    assert (first.model_name, first.host, first.port, first.condition) == ("m", "host", port_of("i1"), "up")
    assert (first.capacity, first.running, first.waiting) == (1, 1, 2)
    assert (second.condition, second.capacity, second.running, second.waiting) == ("down", 4, 1, 0)


def test_one_models_instances_on_request_and_none_on_their_way_out() -> None:
    scheduling = warmed_up()
    scheduling.register("i2", model="n")
    scheduling.tell(SetStrategy("weighted", "n"))
    assert list(scheduling.queues("n")) == ["i2"]
    described = scheduling.tell(DescribeQueues("n")).answer
    assert isinstance(described, QueuesDescribed)
    assert described.strategy == "weighted"
    assert not scheduling.queues("unknown")
    scheduling.tell(submit("t1"))
    scheduling.remove("i1")
    assert list(scheduling.queues()) == ["i2"]
