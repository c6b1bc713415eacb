"""The four strategies of the guide, each as a pure choice."""

from __future__ import annotations

from collections import Counter

import pytest

from actors.scheduler.strategies import (
    STRATEGIES,
    Candidate,
    choose_probabilistic,
    choose_round_robin,
    choose_shortest_queue,
    choose_weighted,
    find_strategy,
)


def candidate(
    name: str, *, in_flight: int = 0, waiting: int = 0, capacity: int = 1, mean_ms: float = 100.0
) -> Candidate:
    return Candidate(name, in_flight, waiting, capacity, mean_ms)


def test_shortest_queue_takes_the_earliest_expected_completion_not_the_fewest_tasks() -> None:
    slow = candidate("slow", in_flight=1, mean_ms=1000.0)
    fast = candidate("fast", in_flight=4, mean_ms=100.0)
    assert choose_shortest_queue([slow, fast], 0, 0.0) == 1


def test_shortest_queue_counts_what_waits_and_shares_it_among_the_places() -> None:
    short = candidate("short", in_flight=1, waiting=3)
    wide = candidate("wide", in_flight=4, waiting=2, capacity=4)
    assert choose_shortest_queue([short, wide], 0, 0.0) == 1
    assert choose_shortest_queue([short, candidate("narrow", in_flight=4, waiting=2)], 0, 0.0) == 0


def test_shortest_queue_spreads_ties_by_rotation() -> None:
    equals = [candidate(name) for name in "abc"]
    assert [choose_shortest_queue(equals, rotation, 0.0) for rotation in range(6)] == [0, 1, 2, 0, 1, 2]


def test_round_robin_takes_one_after_the_other_whatever_their_load() -> None:
    uneven = [candidate("a", waiting=50), candidate("b"), candidate("c", capacity=9)]
    assert [choose_round_robin(uneven, rotation, 0.9) for rotation in range(5)] == [0, 1, 2, 0, 1]


def test_weighted_gives_turns_in_proportion_to_capacity_and_spreads_them() -> None:
    candidates = [candidate("one"), candidate("three", capacity=3)]
    turns = [choose_weighted(candidates, rotation, 0.0) for rotation in range(8)]
    assert Counter(turns) == {0: 2, 1: 6}
    assert turns[:4] == turns[4:]
    assert turns[:4] not in ([0, 1, 1, 1], [1, 1, 1, 0])


def test_probabilistic_prefers_the_shorter_queue_and_never_excludes_a_longer_one() -> None:
    candidates = [candidate("idle"), candidate("busy", in_flight=1, waiting=2)]
    chosen = Counter(choose_probabilistic(candidates, 0, n / 100) for n in range(100))
    assert chosen == {0: 80, 1: 20}


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_strategy_names_a_candidate(name: str, count: int) -> None:
    candidates = [candidate(f"{n}", in_flight=n, waiting=n % 3, capacity=1 + n % 4) for n in range(count)]
    for rotation in range(30):
        for chance in (0.0, 0.5, 0.999999):
            assert 0 <= STRATEGIES[name].choose(candidates, rotation, chance) < count


@pytest.mark.parametrize("spelling", ["shortest_queue", "ShortestQueue", "shortest-queue", "SHORTEST QUEUE"])
def test_strategies_are_found_by_any_usual_spelling(spelling: str) -> None:
    assert find_strategy(spelling) is STRATEGIES["shortest_queue"]


@pytest.mark.parametrize("name", ["", "fastest", "shortest_queues"])
def test_unknown_strategies_are_not_found(name: str) -> None:
    assert find_strategy(name) is None


def test_the_guides_four_and_no_other() -> None:
    assert {name for name, strategy in STRATEGIES.items() if strategy.pooled} == {"shortest_queue"}
    for name in ("ShortestQueue", "RoundRobin", "Weighted", "Probabilistic"):
        assert find_strategy(name) is not None
    assert len(STRATEGIES) == 4
