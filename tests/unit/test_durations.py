"""Expected execution times: exact at first, then following change; an instance's own before its model's."""

from __future__ import annotations

from statistics import fmean, pstdev

import pytest

from actors.scheduler.durations import MEMORY, UNKNOWN_MS, Duration, Durations


def test_the_first_reports_give_their_exact_mean_and_deviation() -> None:
    reports = [100.0, 300.0, 50.0, 75.0, 900.0]
    duration = Duration()
    for report in reports:
        duration.observe(report)
    assert duration.mean == pytest.approx(fmean(reports))
    assert duration.variance**0.5 == pytest.approx(pstdev(reports))


def test_later_reports_outweigh_older_ones() -> None:
    duration = Duration()
    for _ in range(1000):
        duration.observe(100.0)
    for _ in range(MEMORY):
        duration.observe(200.0)
    assert 100.0 + 100.0 * 0.6 < duration.mean < 200.0


def test_before_any_report_a_second_is_assumed() -> None:
    assert Durations().expect("m", "a") == (UNKNOWN_MS, UNKNOWN_MS)


def test_an_instance_that_has_not_reported_is_taken_for_its_model() -> None:
    durations = Durations()
    durations.observe("m", "slow", 1000.0)
    durations.observe("m", "fast", 10.0)
    assert durations.expect("m", "slow") == (1000.0, 0.0)
    assert durations.expect("m", "fast") == (10.0, 0.0)
    assert durations.expect("m", "new")[0] == pytest.approx(505.0)
    assert durations.expect("other", "new2") == (UNKNOWN_MS, UNKNOWN_MS)


def test_a_removed_instance_is_forgotten_and_its_model_is_not() -> None:
    durations = Durations()
    durations.observe("m", "a", 70.0)
    durations.forget_instance("a")
    durations.forget_instance("a")
    assert durations.by_instance == {}
    assert durations.expect("m", "a") == (70.0, 0.0)
