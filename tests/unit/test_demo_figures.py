"""The demo's stream and its accounts."""

from __future__ import annotations

from collections import Counter

import pytest

from swarmpilot.demo.screen import chart
from swarmpilot.demo.tally import Sent, Tally, quantile
from swarmpilot.demo.workload import plan_instances, plan_tasks


def test_the_stream_is_repeatable_ordered_and_of_the_rate_asked() -> None:
    tasks = list(plan_tasks(80.0, 50.0, 1))
    assert tasks == list(plan_tasks(80.0, 50.0, 1))
    assert tasks != list(plan_tasks(80.0, 50.0, 2))
    assert [task.at_s for task in tasks] == sorted(task.at_s for task in tasks)
    assert len(tasks) == pytest.approx(4000, rel=0.1)
    shares = Counter(task.priority for task in tasks)
    assert max(shares, key=shares.__getitem__) == "normal"
    assert set(shares) == {"critical", "high", "normal", "low"}


def test_the_instances_are_unequal_and_keep_up_on_average() -> None:
    for rate in (8.0, 32.0, 200.0):
        tasks = list(plan_tasks(100.0, rate, 3))
        work_s = sum(0.0002 * task.input_tokens + 0.02 * task.max_tokens for task in tasks)
        served_s = sum(plan.speed * plan.capacity for plan in plan_instances(rate)) * 100.0
        assert 0.5 < work_s / served_s < 0.95


def ended(tally: Tally, task_id: str, at: float, failure: str = "") -> None:
    tally.ended(task_id, "u", 40.0, failure, at)


def test_a_run_is_clean_only_when_every_task_ended_well() -> None:
    tally = Tally()
    assert not tally.is_clean
    tally.sent(Sent("a", "high", 1.0))
    assert not tally.is_clean
    ended(tally, "a", 1.25)
    ended(tally, "a", 9.0)
    assert (tally.is_clean, tally.completed, tally.latencies("high")) == (True, 1, [250.0])
    assert tally.finished[0].waiting_ms == pytest.approx(210.0)
    tally.sent(Sent("b", "low", 2.0))
    ended(tally, "b", 3.0, "boom")
    assert (tally.is_clean, tally.failed) == (False, 1)


def test_a_refused_task_is_not_clean() -> None:
    tally = Tally()
    tally.sent(Sent("a", "high", 1.0))
    ended(tally, "a", 1.1)
    tally.refuse("draining")
    assert not tally.is_clean


def test_completions_are_counted_by_the_second() -> None:
    tally = Tally()
    for number, at in enumerate((5.5, 8.1, 8.2, 9.9)):
        tally.sent(Sent(str(number), "low", 0.0))
        ended(tally, str(number), at)
    assert tally.per_second(10.0, 3) == [0, 2, 1]


def test_quantiles_are_values_that_were_seen() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 2.0, 4.0, 4.0]
    assert quantile([], 0.5) is None


def test_a_chart_spans_its_rows() -> None:
    assert chart([0, 5, 10], 1) == ["▁▅█"]
    assert chart([0, 5, 10], 2) == [" ▁█", "▁██"]
    assert chart([0, 0], 2) == ["  ", "▁▁"]
