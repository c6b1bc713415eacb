"""Each strategy as a pure choice: by example, and what holds of all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.scheduler.strategies import STRATEGIES, Candidate, Completion, Strategy, View, find_strategy
from actors.scheduler.strategies.turns import next_turns
from tests.unit.strategy_views import Given, candidate, view


def chosen(name: str, seen: View) -> str:
    """The instance that this strategy takes."""
    return seen.candidates[STRATEGIES[name].choose(seen)].ti_uuid


def sequence(name: str, candidates: list[Candidate], count: int) -> str:
    """The instances of that many tasks, one after the other, turns being taken as in the scheduler."""
    strategy, taken = STRATEGIES[name], ""
    for rotation in range(count):
        at = strategy.choose(view(candidates, rotation=rotation))
        taken += candidates[at].ti_uuid
        weights = [c.weight if strategy.by_weight else 1.0 for c in candidates]
        turns = next_turns([c.turn for c in candidates], weights, at)
        candidates = [replace(c, turn=turn) for c, turn in zip(candidates, turns, strict=True)]
    return taken


def test_shortest_queue_takes_the_earliest_expected_completion_not_the_fewest_tasks() -> None:
    slow, fast = candidate("slow", in_flight=1), candidate("fast", in_flight=4)
    assert chosen("shortest_queue", view([slow, fast], given=Given(means=[1000.0, 100.0]))) == "fast"


def test_shortest_queue_counts_what_waits_and_shares_it_among_the_places() -> None:
    short, wide = candidate("short", in_flight=1, waiting=3), candidate("wide", in_flight=4, waiting=2, capacity=4)
    assert chosen("shortest_queue", view([short, wide])) == "wide"
    assert chosen("shortest_queue", view([short, candidate("narrow", in_flight=4, waiting=2)])) == "short"


def test_ties_go_by_tasks_in_flight_then_in_rotation_and_never_by_id() -> None:
    equals = [candidate(name) for name in "abc"]
    assert [chosen("shortest_queue", view(equals, rotation=n)) for n in range(6)] == list("abcabc")
    busy = [candidate("a", in_flight=1), candidate("b", waiting=1)]
    assert [chosen("shortest_queue", view(busy, rotation=n)) for n in range(2)] == ["b", "b"]


def test_round_robin_takes_one_after_the_other_whatever_their_load() -> None:
    uneven = [candidate("a", waiting=50), candidate("b"), candidate("c", capacity=9)]
    assert Counter(sequence("round_robin", uneven, 30)) == {"a": 10, "b": 10, "c": 10}
    taken = sequence("round_robin", uneven, 30)
    assert all(set(taken[n : n + 3]) == set("abc") for n in range(0, 30, 3))


def test_weighted_is_as_smooth_as_in_nginx() -> None:
    weights = [candidate(name, weight=weight) for name, weight in (("a", 5.0), ("b", 1.0), ("c", 1.0))]
    taken = sequence("weighted", weights, 14)
    assert [taken[:7], taken[7:]] == ["aacabaa", "aabacaa"]


def test_weighted_goes_by_capacity_where_no_weight_is_given() -> None:
    assert Counter(sequence("weighted", [candidate("one"), candidate("x", capacity=3)], 40))["x"] == 30


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 3))
def test_weighted_gives_everybody_their_share_in_every_round(weights: list[int], rounds: int) -> None:
    candidates = [candidate(chr(97 + n), weight=float(weight)) for n, weight in enumerate(weights)]
    taken = Counter(sequence("weighted", candidates, sum(weights) * rounds))
    assert taken == {chr(97 + n): weight * rounds for n, weight in enumerate(weights)}


def test_probabilistic_draws_from_when_the_task_would_be_done() -> None:
    near, far = candidate("near"), candidate("far")
    unsure = Given(done=[(100.0, 80.0), (200.0, 160.0)])
    counts = Counter(chosen("probabilistic", view([near, far], chance=n / 1000, given=unsure)) for n in range(1000))
    assert 700 < counts["near"] < 900
    sure = Given(done=[(100.0, 5.0), (200.0, 5.0)])
    assert {chosen("probabilistic", view([near, far], chance=n / 100, given=sure)) for n in range(100)} == {"near"}


def test_a_drawn_completion_has_the_quantiles_of_a_lognormal_one() -> None:
    done = Completion(100.0, 50.0, 0.0)
    assert done.quantile(0.5) == pytest.approx(89.4, rel=0.01)
    assert done.quantile(0.95) == pytest.approx(194.9, rel=0.05)
    assert done.quantile(0.05) == pytest.approx(41.0, rel=0.05)


def test_power_of_two_takes_the_less_loaded_of_a_pair_and_every_pair_comes_up() -> None:
    loads = [candidate(name, in_flight=n) for n, name in enumerate("abcd")]
    score = STRATEGIES["power_of_two"].score
    assert score is not None
    drawn = [score(view(loads, chance=k / 1200)) for k in range(1200)]
    pairs = Counter(frozenset(n for n, load in enumerate(scores) if load < inf) for scores in drawn)
    assert set(pairs.values()) == {200}
    taken = Counter(chosen("power_of_two", view(loads, chance=k / 1200)) for k in range(1200))
    assert taken == {"a": 600, "b": 400, "c": 200}


def test_least_loaded_counts_tasks_a_place() -> None:
    loads = [candidate("full", in_flight=1), candidate("wide", in_flight=3, waiting=1, capacity=8)]
    assert chosen("least_loaded", view(loads)) == "wide"


def test_min_completion_goes_by_means_and_tail_by_what_is_sure() -> None:
    steady, wild = candidate("steady"), candidate("wild")
    numbers = Given(done=[(110.0, 5.0), (100.0, 90.0)])
    assert chosen("min_completion", view([steady, wild], given=numbers)) == "wild"
    assert chosen("tail", view([steady, wild], given=numbers)) == "steady"


def test_adaptive_is_least_loaded_while_cold_and_tail_once_warm() -> None:
    loads = [candidate("fewer"), candidate("sooner", in_flight=1)]
    numbers = Given(done=[(900.0, 10.0), (100.0, 10.0)])
    assert chosen("adaptive", view(loads, given=replace(numbers, is_warm=False))) == "fewer"
    assert chosen("adaptive", view(loads, given=numbers)) == "sooner"


def test_affinity_sends_a_key_to_one_instance_whatever_the_order_of_the_list() -> None:
    names = [candidate(name) for name in "abcdef"]
    for key in ("s1", "s2", "s3"):
        assert chosen("affinity", view(names, key=key)) == chosen("affinity", view(names[::-1], key=key, rotation=3))
    homes = Counter(chosen("affinity", view(names, key=f"key {n}")) for n in range(600))
    assert set(homes) == set("abcdef")
    assert max(homes.values()) < 2 * min(homes.values())


def test_affinity_moves_only_the_keys_of_the_instance_that_is_gone() -> None:
    names = [candidate(name) for name in "abcdef"]
    before = {f"key {n}": chosen("affinity", view(names, key=f"key {n}")) for n in range(200)}
    after = {key: chosen("affinity", view(names[1:], key=key)) for key in before}
    assert all(after[key] == home for key, home in before.items() if home != "a")


def test_affinity_passes_over_an_instance_that_has_a_quarter_more_than_its_share() -> None:
    idle = [candidate(name) for name in "abc"]
    home = chosen("affinity", view(idle, key="hot"))
    loads = [candidate(c.ti_uuid, waiting=5 if c.ti_uuid == home else 4) for c in idle]
    assert chosen("affinity", view(loads, key="hot")) == home
    over = [candidate(c.ti_uuid, waiting=8 if c.ti_uuid == home else 4) for c in idle]
    assert chosen("affinity", view(over, key="hot")) != home


def test_affinity_without_a_key_takes_the_least_loaded() -> None:
    assert chosen("affinity", view([candidate("a", waiting=1), candidate("b")])) == "b"


loads = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(1, 4), st.floats(-5, 5)), min_size=1, max_size=9
)


@settings(max_examples=200)
@given(
    st.sampled_from(list(STRATEGIES.values())),
    loads,
    st.integers(0, 50),
    st.floats(0, 1, exclude_max=True),
    st.text(max_size=3),
)
def test_a_choice_is_a_candidate_with_the_least_score_and_the_same_view_gives_the_same(
    strategy: Strategy, counts: list[tuple[int, int, int, float]], rotation: int, chance: float, key: str
) -> None:
    candidates = [
        candidate(str(n), in_flight=a, waiting=b, capacity=c, turn=turn) for n, (a, b, c, turn) in enumerate(counts)
    ]
    seen = view(candidates, rotation=rotation, chance=chance, key=key)
    assert strategy.score is not None
    scores, at = strategy.score(seen), strategy.choose(seen)
    assert len(scores) == len(candidates)
    assert scores[at] == min(scores) < inf
    assert strategy.choose(seen) == at


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_one_of_several_alike_can_be_chosen(name: str) -> None:
    alike = [candidate(letter) for letter in "abcde"]
    seen = {chosen(name, view(alike, rotation=n, chance=n * 0.618 % 1.0, key=f"key {n}")) for n in range(60)}
    assert seen == set("abcde")


@pytest.mark.parametrize("name", ["shortest_queue", "round_robin", "weighted", "power_of_two", "least_loaded"])
def test_what_does_not_go_by_predictions_asks_for_none(name: str) -> None:
    numbers = Given()
    STRATEGIES[name].choose(view([candidate("a"), candidate("b")], given=numbers))
    assert not numbers.asked
    assert not STRATEGIES[name].sizes_tasks


@pytest.mark.parametrize("spelling", ["shortest_queue", "ShortestQueue", "shortest-queue", "SHORTEST QUEUE"])
def test_strategies_are_found_by_any_usual_spelling(spelling: str) -> None:
    assert find_strategy(spelling) is STRATEGIES["shortest_queue"]


@pytest.mark.parametrize("name", ["", "fastest", "shortest_queues", "tail:", "my_module:choose"])
def test_unknown_strategies_are_not_found(name: str) -> None:
    assert find_strategy(name) is None


def test_the_guides_four_are_there_and_the_default_alone_has_one_line() -> None:
    assert {name for name, strategy in STRATEGIES.items() if strategy.pooled} == {"shortest_queue"}
    for name in ("ShortestQueue", "RoundRobin", "Weighted", "Probabilistic"):
        assert find_strategy(name) is not None
