"""What is learnt from reports: kinds, sizes and instances told apart, changes noticed, little kept."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, nan
from random import Random

import pytest

from actors.messages.tasks import Features
from actors.scheduler.prediction import UNKNOWN, LookupTable, Prediction, Predictions, parse_table
from actors.scheduler.prediction.estimates import MAX_KINDS
from actors.scheduler.prediction.predictions import MAX_INSTANCES, MAX_POOLS
from actors.scheduler.prediction.spread import Spread

POOL = "model:m"
CHAT, IMAGE = Features("chat"), Features("image")


def mean(predictions: Predictions, features: Features | None = None, ti_uuid: str = "i0", pool: str = POOL) -> float:
    """What is expected of such a task there (ms)."""
    return predictions.predict(pool, features, ti_uuid).mean_ms


def taught(
    reports: Sequence[tuple[Features | None, str, float]], predictions: Predictions | None = None
) -> Predictions:
    """Predictions that have taken in these reports: features, instance, ms."""
    predictions = predictions or Predictions()
    for features, ti_uuid, took in reports:
        predictions.observe(POOL, features, ti_uuid, took)
    return predictions


def noisy(seed: int, count: int, *instances: tuple[str, float], spread: float = 0.3) -> list[tuple[None, str, float]]:
    """Reports of tasks around so many ms on each instance, in turn."""
    chance = Random(seed)
    mixed = [instances[n % len(instances)] for n in range(count)]
    return [(None, ti, ms * chance.lognormvariate(-spread * spread / 2, spread)) for ti, ms in mixed]


def test_before_any_report_a_second_is_assumed_or_what_the_submitter_expects() -> None:
    assert Predictions().predict(POOL, None, "i0") == UNKNOWN
    expected = Predictions().predict(POOL, Features(expected_ms=50.0), "i0")
    assert expected == pytest.approx(tuple(value / 20.0 for value in UNKNOWN))
    assert Predictions().predict(POOL, Features(expected_ms=0.0), "i0") == UNKNOWN


def test_equal_reports_are_met_exactly_from_the_first_on() -> None:
    predictions = Predictions()
    for _ in range(20):
        predictions.observe(POOL, None, "i0", 70.0)
        assert mean(predictions) == pytest.approx(70.0)
    assert mean(predictions, ti_uuid="new") == pytest.approx(70.0)
    assert mean(predictions, ti_uuid="new", pool="model:other") == UNKNOWN.mean_ms


def test_kinds_are_told_apart_and_one_that_is_unknown_is_taken_for_all() -> None:
    predictions = taught([(CHAT, "i0", 10.0), (IMAGE, "i0", 4000.0)] * 40)
    assert mean(predictions, CHAT) == pytest.approx(10.0, rel=0.15)
    assert mean(predictions, IMAGE) == pytest.approx(4000.0, rel=0.15)
    assert 1000.0 < mean(predictions, Features("unknown")) < 3000.0
    assert mean(predictions, None) == mean(predictions, Features("unknown"))


def test_the_first_report_of_a_new_kind_is_believed_for_the_most_part() -> None:
    predictions = taught([(CHAT, "i0", 10.0)] * 20 + [(IMAGE, "i0", 4000.0)])
    assert 1000.0 < mean(predictions, IMAGE) < 4000.0
    assert mean(predictions, CHAT) == pytest.approx(10.0, rel=0.15)


def test_times_by_sizes() -> None:
    chance = Random(1)
    sizes = [(chance.uniform(10.0, 2000.0), chance.uniform(1.0, 500.0)) for _ in range(200)]
    predictions = taught([(Features("", a, b), "i0", 20.0 + 0.2 * a + 20.0 * b) for a, b in sizes])
    for a, b in ((100.0, 10.0), (2000.0, 400.0), (5000.0, 1000.0)):
        assert mean(predictions, Features("", a, b)) == pytest.approx(20.0 + 0.2 * a + 20.0 * b, rel=0.1)


def test_a_size_that_says_nothing_does_no_harm() -> None:
    chance = Random(2)
    reports = [(Features(input_tokens=chance.uniform(1, 1000)), "i0", chance.uniform(50, 150)) for _ in range(400)]
    predictions = taught([*reports])
    for size in (1.0, 1000.0):
        assert mean(predictions, Features(input_tokens=size)) == pytest.approx(100.0, rel=0.25)


def test_sizes_that_fall_with_time_do_not_lead_below_zero() -> None:
    predictions = taught([(Features(max_tokens=float(n)), "i0", 1000.0 / n) for n in range(1, 100)])
    assert 0.0 < mean(predictions, Features(max_tokens=1.0)) <= mean(predictions, Features(max_tokens=1e6))


def test_what_the_submitter_expects_is_put_right() -> None:
    chance = Random(3)
    guesses = [chance.uniform(10.0, 1000.0) for _ in range(100)]
    predictions = taught([(Features(expected_ms=guess), "i0", 3.0 * guess) for guess in guesses])
    assert mean(predictions, Features(expected_ms=200.0)) == pytest.approx(600.0, rel=0.05)


def test_a_slow_instance_is_known_for_tasks_that_it_has_not_had() -> None:
    predictions = taught([(CHAT, "fast", 100.0), (CHAT, "slow", 400.0)] * 40)
    predictions = taught([(IMAGE, "fast", 1000.0)] * 20, predictions)
    ratio = mean(predictions, IMAGE, "slow") / mean(predictions, IMAGE, "fast")
    assert ratio == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(("spread", "reports"), [(0.05, 6), (0.3, 8), (0.6, 15), (1.0, 40)])
@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_a_changed_speed_is_noticed_within_tens_of_tasks(spread: float, reports: int, factor: float) -> None:
    predictions = taught([*noisy(5, 800, *[(f"i{n}", 100.0) for n in range(8)], spread=spread)])
    before = mean(predictions)
    changed = noisy(6, reports * 8, ("i0", factor * 100.0), *[(f"i{n}", 100.0) for n in range(1, 8)], spread=spread)
    taught([*changed], predictions)
    assert mean(predictions) / before == pytest.approx(factor, rel=0.5)
    assert mean(predictions, ti_uuid="i1") / before == pytest.approx(1.0, rel=0.5)


def test_one_outlier_changes_next_to_nothing() -> None:
    predictions = taught([*noisy(7, 200, ("i0", 100.0))])
    before = mean(predictions)
    predictions.observe(POOL, None, "i0", 1e6)
    assert mean(predictions) == pytest.approx(before, rel=0.1)


def test_quantiles_of_any_shape_are_found() -> None:
    chance = Random(8)
    times = [100.0 if chance.random() < 0.8 else 1000.0 for _ in range(2000)]
    predicted = taught([(None, "i0", took) for took in times]).predict(POOL, None, "i0")
    assert predicted.mean_ms == pytest.approx(280.0, rel=0.25)
    assert predicted.q50_ms == pytest.approx(100.0, rel=0.4)
    assert predicted.q95_ms == pytest.approx(1000.0, rel=0.4)


@pytest.mark.parametrize("nonsense", [nan, -1.0, -inf])
def test_what_is_no_time_is_passed_over(nonsense: float) -> None:
    predictions = Predictions()
    predictions.observe(POOL, None, "i0", nonsense)
    assert predictions.predict(POOL, None, "i0") == UNKNOWN
    assert not predictions.learnt.by_pool


def test_an_instance_that_is_gone_is_forgotten_and_what_it_taught_is_not() -> None:
    predictions = taught([(None, "a", 100.0), (None, "b", 400.0)] * 30)
    of_new, of_b = mean(predictions, ti_uuid="new"), mean(predictions, ti_uuid="b")
    predictions.forget_instance("b")
    predictions.forget_instance("b")
    assert list(predictions.learnt.speeds) == ["a"]
    assert mean(predictions, ti_uuid="b") == of_new != of_b


def test_memory_is_bounded_and_the_last_seen_stay() -> None:
    predictions = Predictions()
    for n in range(MAX_INSTANCES + MAX_POOLS):
        predictions.observe(f"model:{n}", None, f"i{n}", 5.0)
        predictions.observe(POOL, None, "mine", 5.0)
    assert len(predictions.learnt.by_pool) == MAX_POOLS
    assert len(predictions.learnt.speeds) == MAX_INSTANCES
    assert POOL in predictions.learnt.by_pool
    assert "mine" in predictions.learnt.speeds
    assert mean(predictions, ti_uuid="new", pool="model:0") == UNKNOWN.mean_ms


def test_kinds_are_bounded_and_all_together_are_not_forgotten() -> None:
    predictions = taught([(Features(f"kind{n}", 10.0), "i0", 50.0) for n in range(MAX_KINDS * 2)])
    assert len(predictions.learnt.by_pool[POOL].by_key) == MAX_KINDS
    assert mean(predictions, Features("kind0", 10.0)) == pytest.approx(50.0)
    assert mean(predictions, None) == pytest.approx(50.0)


def test_one_kind_for_ever_leaves_room_for_what_is_behind_it() -> None:
    predictions = taught([(Features(f"kind{n}", 10.0), "i0", 50.0) for n in range(MAX_KINDS * 2)])
    for n in range(MAX_KINDS + 10):
        for _ in range(2):
            taught([(Features(f"other{n}"), "i0", 70.0)], predictions)
    taught([(Features("kind1", 10.0), "i0", 50.0)], predictions)
    assert mean(predictions, Features("kind1", 10.0)) < 100.0


def test_a_measured_table_comes_before_what_is_learnt_and_instances_have_their_speed() -> None:
    table = parse_table("task_kind,q50_ms,q95_ms\nchat,100,200\n", is_json=False)
    predictions = Predictions({POOL: table})
    assert predictions.predict(POOL, CHAT, "i0")[2:] == (50.0, 100.0, 200.0)
    taught([(CHAT, "fast", 100.0), (CHAT, "slow", 300.0)] * 40, predictions)
    assert predictions.predict(POOL, CHAT, "fast").q50_ms == pytest.approx(100.0, rel=0.1)
    assert predictions.predict(POOL, CHAT, "slow").q50_ms == pytest.approx(300.0, rel=0.1)
    taught([(IMAGE, "fast", 4000.0)] * 40, predictions)
    assert mean(predictions, IMAGE, "fast") == pytest.approx(4000.0, rel=0.1), "learnt where the table says nothing"
    assert predictions.predict("model:other", CHAT, "new") == UNKNOWN


def test_an_instance_that_has_not_reported_is_taken_for_those_that_have() -> None:
    predictions = Predictions({POOL: parse_table("q50_ms,q95_ms\n100,200\n", is_json=False)})
    taught([(CHAT, f"i{n % 4}", 300.0) for n in range(400)], predictions)
    assert predictions.predict(POOL, CHAT, "new").q50_ms == pytest.approx(300.0, rel=0.1)


def test_what_all_instances_have_in_common_becomes_the_expectation_and_changes_no_prediction() -> None:
    predictions = taught([(None, f"i{n % 4}", 100.0) for n in range(200)])
    estimates = predictions.learnt.by_pool[POOL]
    estimates.by_key[""].fit.restart(exp(-1.0))
    estimates.log_factor = 1.0
    for speed in predictions.learnt.speeds.values():
        speed.log_factor = 1.0
    for n in range(8000):
        predictions.observe(POOL, None, f"i{n % 4}", 100.0)
        assert mean(predictions) == pytest.approx(100.0, rel=0.05)
    assert abs(estimates.log_factor) < 0.7


def test_quantiles_that_are_close_stay_in_order() -> None:
    spread = Spread(low=1.63, middle=1.64, high=1.645)
    for score in (1.642, 1.635, 1.641):
        spread.note(score * spread.deviation)
        assert spread.low <= spread.middle <= spread.high


def test_an_empty_table_is_as_good_as_none() -> None:
    assert Predictions({POOL: LookupTable([])}).predict(POOL, CHAT, "i0") == UNKNOWN
    assert isinstance(Predictions().predict(POOL, CHAT, "i0"), Prediction)
