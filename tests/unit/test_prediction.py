"""What is answered about a time: quantiles in order, and what is left of a task that runs."""

from __future__ import annotations

from math import exp, inf, log, sqrt
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.scheduler.prediction import UNKNOWN, Prediction, remaining

SPREADS = [0.1, 0.5, 1.0]


def lognormal(mean_ms: float, spread: float) -> Prediction:
    """A lognormal distribution of this mean, `spread` being that of the logarithm."""
    median = mean_ms * exp(-spread * spread / 2)
    reach = exp(1.645 * spread)
    return Prediction(mean_ms, mean_ms * sqrt(exp(spread * spread) - 1), median / reach, median, median * reach)


def test_the_known_quantiles_are_met_and_others_lie_between_and_beyond() -> None:
    prediction = lognormal(100.0, 0.5)
    for share, known in ((0.05, prediction.q05_ms), (0.5, prediction.q50_ms), (0.95, prediction.q95_ms)):
        assert prediction.quantile(share) == pytest.approx(known)
    assert prediction.q50_ms < prediction.quantile(0.75) < prediction.q95_ms < prediction.quantile(0.99)
    assert prediction.quantile(0.99) == pytest.approx(prediction.q50_ms * exp(2.326 * 0.5), rel=0.15)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("elapsed", [20.0, 60.0, 100.0, 120.0])
def test_what_is_left_is_the_mean_of_what_is_left_of_those_that_have_not_ended(spread: float, elapsed: float) -> None:
    chance = Random(3)
    times = [chance.lognormvariate(log(100.0) - spread * spread / 2, spread) for _ in range(200_000)]
    left = [time - elapsed for time in times if time > elapsed]
    expected = remaining(lognormal(100.0, spread), elapsed)
    assert expected.mean_ms == pytest.approx(max(fmean(left), (elapsed - 100.0) / 2), rel=0.05)
    if fmean(left) > elapsed - 100.0:
        assert expected.std_ms == pytest.approx(pstdev(left), rel=0.1)


def test_before_it_has_begun_all_is_left() -> None:
    assert remaining(UNKNOWN, 0.0) == (1000.0, 1000.0)
    assert remaining(UNKNOWN, -5.0) == (1000.0, 1000.0), "clocks may differ"


def test_the_later_an_overdue_task_is_the_longer_it_is_expected_to_need() -> None:
    exact = lognormal(100.0, 0.01)
    left = [remaining(exact, elapsed).mean_ms for elapsed in (50.0, 99.0, 110.0, 200.0, 1000.0, 1e6)]
    assert left[0] == pytest.approx(50.0)
    assert left[1] < 5.0
    assert left[2:] == pytest.approx([5.0, 50.0, 450.0, 499_950.0])


@given(
    mean=st.floats(1e-3, 1e15),
    ratio=st.floats(0.0, 1e6),
    elapsed=st.floats(-1e18, 1e18),
)
def test_what_is_left_is_a_number_and_not_negative(mean: float, ratio: float, elapsed: float) -> None:
    left = remaining(Prediction(mean, mean * ratio, mean, mean, mean), elapsed)
    assert 0.0 <= left.mean_ms < inf
    assert 0.0 <= left.std_ms < inf


@given(spread=st.floats(0.0, 3.0), part=st.floats(0.01, 0.5), mean=st.floats(1.0, 1e6), times=st.floats(0.01, 100.0))
def test_what_is_left_is_the_same_in_other_units(spread: float, part: float, mean: float, times: float) -> None:
    one = remaining(lognormal(mean, spread), mean * part)
    other = remaining(lognormal(mean * times, spread), mean * times * part)
    assert other == pytest.approx(tuple(value * times for value in one))


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.floats(0.0, 4.0))
def test_quantiles_rise(one: float, other: float, spread: float) -> None:
    prediction = lognormal(50.0, spread)
    low, high = sorted((one, other))
    assert prediction.quantile(low) <= prediction.quantile(high) * (1 + 1e-12)
