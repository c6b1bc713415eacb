"""Random reports: numbers in order whatever comes, the same after a snapshot, and the same in other units."""

from __future__ import annotations

from math import inf
from random import Random
from statistics import median

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.messages.tasks import Features
from actors.scheduler.prediction import Learnt, Predictions, remaining

tiny = st.floats(-330.0, 0.0).map(lambda exponent: 10.0**exponent)
sizes = st.none() | st.floats(0.0, 1e9) | st.sampled_from([0.0, 1.0, 100.0, 5e-324]) | tiny
features = st.none() | st.builds(Features, st.sampled_from(["", "a", "b"]), sizes, sizes, sizes)
pools = st.sampled_from(["model:m", "model:n"])
instances = st.sampled_from(["i0", "i1", "i2"])
any_time = st.floats(0.0, inf) | st.floats(10.0, 1000.0) | st.sampled_from([0.0, 1e-9, 1e-3, 1e12])
usual_time = st.floats(10.0, 1000.0)
usual_size = st.none() | st.floats(1.0, 1000.0)
usual_features = st.none() | st.builds(Features, st.sampled_from(["", "a", "b"]), usual_size, usual_size)
Reports = list[tuple[str, Features | None, str, float]]


def taught(reports: Reports, times: float = 1.0) -> Predictions:
    """Predictions after these reports, each having taken so many times as long."""
    predictions = Predictions()
    for pool, said, ti_uuid, took in reports:
        predictions.observe(pool, said, ti_uuid, took * times)
    return predictions


@settings(max_examples=200)
@given(st.lists(st.tuples(pools, features, instances, any_time), max_size=60), features, st.floats(0.0, 1e13))
def test_whatever_comes_what_is_expected_is_a_number_and_quantiles_are_in_order(
    reports: Reports, asked: Features | None, elapsed: float
) -> None:
    predictions = taught(reports)
    for ti_uuid in ("i0", "new"):
        expected = predictions.predict("model:m", asked, ti_uuid)
        assert all(0.0 < value < inf for value in (expected.mean_ms, *expected[2:]))
        assert 0.0 <= expected.std_ms < inf
        assert expected.q05_ms <= expected.q50_ms <= expected.q95_ms
        left = remaining(expected, elapsed)
        assert 0.0 <= left.mean_ms < inf
        assert 0.0 <= left.std_ms < inf


@settings(max_examples=60)
@given(
    st.lists(st.tuples(pools, features, instances, any_time), max_size=30),
    st.lists(st.tuples(pools, features, instances, any_time), max_size=30),
    features,
)
def test_from_a_snapshot_everything_goes_on_as_it_would_have(
    before: Reports, after: Reports, asked: Features | None
) -> None:
    one, other = taught(before), Predictions()
    other.learnt = msgspec.json.decode(msgspec.json.encode(one.learnt), type=Learnt)
    for report in after:
        one.observe(*report)
        other.observe(*report)
    assert msgspec.json.encode(other.learnt) == msgspec.json.encode(one.learnt)
    assert other.predict("model:m", asked, "i1") == one.predict("model:m", asked, "i1")


@settings(max_examples=60)
@given(
    st.lists(st.tuples(pools, usual_features, instances, usual_time), min_size=1, max_size=40),
    usual_features,
    st.sampled_from([0.125, 8.0, 1024.0]),
)
def test_what_takes_so_many_times_as_long_is_expected_to(
    reports: Reports, asked: Features | None, times: float
) -> None:
    pool = reports[0][0]
    one, other = (taught(reports, by).predict(pool, asked, "i1") for by in (1.0, times))
    assert other == pytest.approx(tuple(value * times for value in one), rel=1e-6)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32),
    st.floats(0.02, 0.6),
    st.tuples(st.floats(0.0, 1000.0), st.floats(0.0, 5.0), st.floats(1.0, 50.0)),
    st.floats(0.2, 5.0),
)
def test_on_a_stationary_mix_the_truth_is_found(
    seed: int, spread: float, law: tuple[float, float, float], slowness: float
) -> None:
    chance, predictions = Random(seed), Predictions()

    def true_mean(said: Features, ti_uuid: str) -> float:
        assert said.input_tokens is not None
        assert said.max_tokens is not None
        whole = law[0] + law[1] * said.input_tokens + law[2] * said.max_tokens
        return whole * (slowness if ti_uuid == "i1" else 1.0) * (3.0 if said.kind == "b" else 1.0)

    def task() -> tuple[Features, str]:
        said = Features(chance.choice("ab"), chance.lognormvariate(5, 0.8), chance.lognormvariate(4, 0.8))
        return said, chance.choice(["i0", "i1", "i2"])

    for _ in range(600):
        said, ti_uuid = task()
        took = true_mean(said, ti_uuid) * chance.lognormvariate(-spread * spread / 2, spread)
        predictions.observe("model:m", said, ti_uuid, took)
    errors = []
    for _ in range(100):
        said, ti_uuid = task()
        errors.append(abs(predictions.predict("model:m", said, ti_uuid).mean_ms / true_mean(said, ti_uuid) - 1))
    # The median: a false alarm of the last few reports may still be on one of the instances.
    assert median(errors) < 0.05 + 0.35 * spread
