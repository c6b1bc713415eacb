"""The policies that the scheduler is held against, on cases worked out by hand."""

from __future__ import annotations

import pytest

from simulation.fleet import Change, Fleet
from simulation.least_work import completes_first
from simulation.plant import Plant, simulate
from simulation.references import REFERENCES, join_shortest_queue, power_of_two, round_robin
from tests.unit.simulating import ends, jobs, reference, served


def test_pooled_fifo_gives_the_first_of_the_line_to_whoever_is_idle() -> None:
    given = jobs((0, 4), (0, 2), (0, 1), (1, 1))
    assert ends(served(reference("pooled FIFO"), [1, 1], given)) == [(0, 4), (1, 2), (1, 3), (1, 4)]


def test_pooled_fifo_takes_the_fastest_idle_instance() -> None:
    assert ends(served(reference("pooled FIFO"), [0.5, 2], jobs((0, 4), (0.5, 4)))) == [(1, 2), (0, 8.5)]


def test_shortest_first_knows_every_service_time() -> None:
    given = jobs((0, 3), (1, 5), (2, 1))
    assert ends(served(reference("shortest first"), [1], given)) == [(0, 3), (0, 9), (0, 4)]


def test_what_takes_as_long_goes_in_order_of_arrival() -> None:
    given = jobs((0, 3), (1, 2), (2, 2))
    assert ends(served(reference("shortest first"), [1], given)) == [(0, 3), (0, 5), (0, 7)]


def test_least_work_declines_a_slow_idle_instance_when_waiting_ends_sooner() -> None:
    given = jobs((0, 4), (0, 2), (0, 1))
    assert ends(served(reference("least work"), [1, 0.25], given)) == [(0, 4), (0, 6), (1, 4)]


@pytest.mark.parametrize(
    ("free_at", "speeds", "chosen"),
    [([0, 0], [1, 1], 0), ([5, 0], [1, 1], 1), ([5, 0], [1, 0.25], 0), ([9, 0], [1, 0.25], 1)],
)
def test_completes_first(free_at: list[float], speeds: list[float], chosen: int) -> None:
    assert completes_first(free_at, speeds, 2.0, 0.0) == chosen


def test_round_robin_is_blind() -> None:
    assert [round_robin([9, 0, 0], sent, 0.0) for sent in range(4)] == [0, 1, 2, 0]
    given = jobs((0, 9), (0, 1), (0, 1), (0, 1))
    assert ends(served(reference("round robin"), [1, 1], given)) == [(0, 9), (1, 1), (0, 10), (1, 2)]


def test_join_shortest_queue_counts_what_waits_and_runs_with_ties_in_rotation() -> None:
    assert join_shortest_queue([2, 1, 3], 0, 0.0) == 1
    assert [join_shortest_queue([1, 1, 1], sent, 0.0) for sent in range(4)] == [0, 1, 2, 0]
    given = jobs((0, 9), (0, 1), (0.5, 1), (1.5, 1))
    assert ends(served(reference("JSQ"), [1, 1], given)) == [(0, 9), (1, 1), (0, 10), (1, 2.5)]


def test_power_of_two_compares_two_different_ones_and_each_pair_is_as_likely() -> None:
    assert power_of_two([7], 0, 0.9) == 0
    assert [power_of_two([2, 1, 0], 0, (pair + 0.5) / 6) for pair in range(6)] == [1, 2, 1, 2, 2, 2]
    equal = [power_of_two([1, 1, 1], 0, (pair + 0.5) / 6) for pair in range(6)]
    assert sorted(equal) == [0, 0, 1, 1, 2, 2]


def test_places_of_one_instance_work_side_by_side() -> None:
    given = jobs((0, 4), (0, 2), (0, 1))
    for name in ("pooled FIFO", "JSQ", "least work"):
        assert ends(served(reference(name), [1], given, capacity=2)) == [(0, 4), (0, 2), (0, 3)]


def test_a_running_job_goes_on_at_the_new_speed() -> None:
    slow, fast = Change(2, 0, speed=0.5), Change(6, 0, speed=2.0)
    assert ends(served(reference("pooled FIFO"), [1], jobs((0, 6)), [fast, slow])) == [(0, 7)]


def test_a_slow_down_is_known_at_once_to_least_work_and_never_to_a_queue() -> None:
    given = jobs((0, 10), (0, 10), (1, 5))
    slow = [Change(2, 0, speed=0.1)]
    assert ends(served(reference("least work"), [1, 1], given, slow)) == [(0, 82), (1, 10), (1, 15)]
    assert ends(served(reference("JSQ"), [1, 1], given, slow)) == [(0, 82), (1, 10), (0, 132)]


@pytest.mark.parametrize("name", REFERENCES)
def test_what_ran_on_an_instance_that_goes_down_is_served_elsewhere_from_the_start(name: str) -> None:
    given = jobs((0, 10))
    [first] = served(reference(name), [1, 1], given)
    down = [Change(4, first.instance, condition="down")]
    [service] = served(reference(name), [1, 1], given, down)
    assert (service.instance, service.first_start, service.start, service.end) == (1 - first.instance, 0, 4, 14)


def test_a_lost_job_takes_its_old_place_in_the_central_line() -> None:
    given = jobs((0, 4), (1, 4), (2, 4), (3, 4))
    changes = [Change(2.5, 0, condition="down"), Change(5.5, 0, condition="up")]
    assert ends(served(reference("pooled FIFO"), [1, 1], given, changes)) == [(1, 9), (1, 5), (0, 9.5), (1, 13)]


@pytest.mark.parametrize("name", REFERENCES)
def test_with_all_instances_down_jobs_wait_until_one_is_up(name: str) -> None:
    changes = [Change(1, 0, condition="down"), Change(3, 0, condition="up")]
    assert ends(served(reference(name), [1], jobs((0, 0.5), (1, 2), (2, 1)), changes))[0] == (0, 0.5)
    assert sorted(end for _, end in ends(served(reference(name), [1], jobs((1, 2), (2, 2)), changes))) == [5, 7]


@pytest.mark.parametrize("name", REFERENCES)
def test_a_simulation_that_can_never_end_says_so(name: str) -> None:
    with pytest.raises(RuntimeError, match="1 jobs were never served"):
        served(reference(name), [1], jobs((0, 1), (2, 1)), [Change(1.5, 0, condition="down")])


def test_the_plant_starts_nothing_where_there_is_no_room() -> None:
    plant = Plant(jobs((0, 1), (0, 1)), Fleet((1.0,)))
    plant.start(0, 0, 0.0)
    with pytest.raises(ValueError, match="instance 0 has no room for job 1"):
        plant.start(1, 0, 0.0)
    plant.end_next()
    with pytest.raises(ValueError, match="job 0 is started a second time"):
        plant.start(0, 0, 1.0)


def test_an_instance_that_ends_a_job_as_another_arrives_is_idle_for_it() -> None:
    services = simulate(jobs((0, 1), (0, 2), (1, 1)), Fleet((1.0, 1.0)), [], reference("round robin"))
    assert ends(services) == [(0, 1), (1, 2), (0, 2)]
