"""The scheduler on the virtual clock: its own decisions, on cases worked out by hand, and the same ones every time."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from gateway.translate import build_submit
from simulation.document import document
from simulation.experiment import Experiment, Measured, known_orders, known_strategies, run
from simulation.fleet import Change, Fleet
from simulation.generator import conversation, mix
from simulation.jobs import Job, Request
from simulation.plant import Plant
from simulation.scheduled import Scheduled, policy_for
from simulation.submission import MODEL, submission
from tests.unit.simulating import ends, jobs, served

EQUAL = Fleet((1.0,) * 4)


def test_a_task_starts_at_once_where_there_is_room_and_else_waits_its_turn() -> None:
    given = jobs((0, 4), (0, 2), (1, 3), (1, 1))
    services = served(policy_for("shortest_queue", 1), [1, 1], given)
    assert [round(service.start, 6) for service in services] == [0, 0, 2, 4]
    assert [round(service.end, 6) for service in services] == [4, 2, 5, 5]


@pytest.mark.parametrize("strategy", known_strategies())
def test_every_strategy_serves_every_task_once(strategy: str) -> None:
    given = jobs(*((number * 0.4, 1.0 + number % 3) for number in range(40)))
    services = served(
        policy_for(strategy, 1), [1, 1, 0.5], given, [Change(5, 0, condition="down"), Change(9, 0, condition="up")]
    )
    assert all(service.end > job.arrival_s for job, service in zip(given, services, strict=True))
    assert len({service.instance for service in services}) == 3


def test_a_task_whose_instance_goes_down_runs_elsewhere_after_the_delay() -> None:
    given = jobs((0, 10))
    [first] = served(policy_for("shortest_queue", 1), [1, 1], given)
    down = [Change(4, first.instance, condition="down")]
    [service] = served(policy_for("shortest_queue", 1), [1, 1], given, down)
    assert service.instance == 1 - first.instance
    assert (service.first_start, service.start, service.end) == pytest.approx((0, 4.5, 14.5), abs=1e-6)


def test_an_instance_that_comes_up_again_is_given_work() -> None:
    changes = [Change(1, 0, condition="down"), Change(3, 0, condition="up")]
    assert ends(served(policy_for("shortest_queue", 1), [1], jobs((2, 1), (2, 1)), changes)) == [(0, 4), (0, 5)]


def test_a_simulation_in_which_nothing_comes_up_again_says_so() -> None:
    with pytest.raises(RuntimeError, match="1 jobs were never served"):
        served(policy_for("shortest_queue", 1), [1], jobs((0, 3)), [Change(1, 0, condition="down")])


def test_the_default_is_as_good_as_one_pooled_line_on_equal_instances() -> None:
    strategy, fifo = _run(EQUAL, ["shortest_queue"], ["pooled FIFO"])
    assert strategy.figures.latency.mean <= 1.02 * fifo.figures.latency.mean
    assert strategy.figures.latency.p99 <= 1.02 * fifo.figures.latency.p99


def test_what_was_expected_is_put_beside_what_came() -> None:
    given = jobs(*((number * 3.0, 2.0) for number in range(100)), (300.0, 2.0), (301.0, 2.0))
    made: list[Scheduled] = []

    def asking(plant: Plant) -> Scheduled:
        made.append(Scheduled(plant, "shortest_queue", 1, asks_waits=True))
        return made[0]

    services = served(asking, [1.0], given)
    [scheduled] = made
    assert set(scheduled.expectations) == set(range(102))
    assert scheduled.expectations[100].wait_s == 0.0, "nothing runs at 300 s"
    assert scheduled.expectations[101].wait_s == pytest.approx(1.0, abs=0.2), "one of two seconds is left"
    assert services[101].first_start - given[101].arrival_s == pytest.approx(1.0)


def test_asking_for_waits_changes_nothing() -> None:
    for strategy in known_strategies():
        given = jobs(*((number * 0.5, 1.0 + number % 4) for number in range(60)))
        asked = served(policy_for(strategy, 1, asks_waits=True), [1, 1, 0.5], given)
        assert asked == served(policy_for(strategy, 1), [1, 1, 0.5], given)


def test_a_submission_is_what_the_gateway_would_make_of_it() -> None:
    request = Request(0.0, 12, 345, "chat", "me", 512, priority=3, deadline_s=4.5)
    for given in (request, Request(0.0, 12, 345)):
        message = submission("task-1", given, 99.0)
        translated = build_submit(
            task_id="task-1",
            now=99.0,
            order="importance",
            origin="rest",
            task_input=b"{}",
            model_name=MODEL,
            metadata=message.metadata,
        )
        assert message.spec == replace(translated.spec, digest="")


def test_orders_serve_whom_they_promise_to() -> None:
    """One instance, taken until 10; the first of what waits then, by each order."""
    given = [
        Job(0.0, 10.0, Request(0.0, 1, 1, "none", "other", priority=5)),
        *(Job(1.0 + n / 10, 1.0, Request(0.0, 1, 1, "x", "many")) for n in range(3)),
        Job(2.0, 1.0, Request(0.0, 1, 1, "x", "one", deadline_s=50.0)),
        Job(3.0, 1.0, Request(0.0, 1, 1, "x", "many", priority=1)),
    ]
    served_in = {}
    for order in known_orders():
        services = served(policy_for("shortest_queue", 1, order=order), [1.0], given)
        served_in[order] = sorted(range(6), key=lambda job: services[job].start)
    assert served_in["priority"] == served_in["shortest_predicted"] == [0, 5, 1, 2, 3, 4]
    assert served_in["deadline"] == [0, 5, 4, 1, 2, 3]
    assert served_in["fair"] == [0, 5, 1, 4, 2, 3]


def test_each_strategy_is_simulated_in_each_order() -> None:
    experiment = Experiment(mix(1, 300), EQUAL, [0.9], ["shortest_queue"], ["JSQ"], orders=["priority", "deadline"])
    measured = run(experiment)
    assert [one.name for one in measured] == ["shortest_queue", "shortest_queue, deadline", "JSQ"]
    rows = document(experiment, measured, "mix")["rows"]
    assert [row.get("order") for row in rows] == ["priority", "deadline", None]
    assert rows[1]["late"] < rows[0]["late"], "what is due first goes first"


def test_a_submission_tells_what_a_client_knows_and_not_how_long_it_takes() -> None:
    message = submission("task-1", Request(0.0, 12, 345, "chat", "me", 512), 99.0)
    assert json.loads(message.metadata) == {"input_tokens": 12, "max_tokens": 512, "task_kind": "chat", "user_id": "me"}
    assert (message.spec.task_id, message.spec.model_name, message.spec.submitted_at) == ("task-1", MODEL, 99.0)


def test_a_strategy_that_does_not_exist_is_refused_by_the_scheduler() -> None:
    with pytest.raises(ValueError, match="unknown strategy 'luck'"):
        served(policy_for("luck", 1), [1], jobs((0, 1)))


def test_the_same_seed_gives_the_same_document_and_another_does_not() -> None:
    def written(seed: int) -> str:
        experiment = Experiment(
            conversation(seed, 120), Fleet((1.0, 0.5)), [0.8], known_strategies(), ["power of two"], seed=seed
        )
        return json.dumps(document(experiment, run(experiment), "conversation"))

    assert written(1) == written(1) != written(2)


def test_the_seed_is_the_strategys_too() -> None:
    first, second = (
        run(Experiment(conversation(1, 300), EQUAL, [0.8], ["probabilistic"], [], seed=seed)) for seed in (1, 2)
    )
    assert first[0].arrivals == second[0].arrivals
    assert first[0].figures != second[0].figures


def test_a_document_has_a_row_for_each_policy_and_load() -> None:
    experiment = Experiment(
        conversation(1, 200), Fleet((1.0, 0.5), 2), [0.5, 0.8], ["shortest_queue"], ["JSQ"], changes=[Change(1, 0, 0.5)]
    )
    written = document(experiment, run(experiment), "w")
    assert [(row["load"], row.get("strategy"), row.get("reference")) for row in written["rows"]] == [
        (0.5, "shortest_queue", None),
        (0.5, None, "JSQ"),
        (0.8, "shortest_queue", None),
        (0.8, None, "JSQ"),
    ]
    row = written["rows"][2]
    assert row["decisions"] > 400
    assert row["waits"]["all"]["tasks"] == 200
    assert set(row["latency_s"]) == {"mean", "p50", "p95", "p99"}
    assert written["events"] == [{"at_s": 1, "instance": 0, "speed": 0.5, "condition": None}]


def test_a_load_is_that_of_the_whole_fleet_whatever_it_is_made_of() -> None:
    for fleet in (Fleet((1.0, 1.0)), Fleet((2.0,)), Fleet((1.0,), 2)):
        [one] = _run(fleet, [], ["pooled FIFO"], load=10.0)
        [work] = [sum(0.02 + 0.0002 * r.input_tokens + 0.02 * r.output_tokens for r in conversation(1, 300))]
        last = one.arrivals[-1] + one.figures.latencies[-1]
        assert one.arrivals[-1] * 10 * 2 == pytest.approx(work)
        assert last == pytest.approx(work / 2, rel=0.05)


def test_least_work_is_a_bound_of_first_come_first_served_where_speeds_differ() -> None:
    unequal = Fleet((1.0, 1.0, 0.25, 0.25))
    fifo, least = _run(unequal, [], ["pooled FIFO", "least work"], load=0.6)
    assert least.figures.latency.p99 < fifo.figures.latency.p99


def _run(fleet: Fleet, strategies: list[str], references: list[str], load: float = 0.8) -> list[Measured]:
    return run(Experiment(conversation(1, 300), fleet, [load], strategies, references, asks_waits=False))


@pytest.mark.parametrize("seed", [1, 2])
def test_on_unequal_instances_predictions_pay_and_cost_nothing_while_cold(seed: int) -> None:
    unequal, names = Fleet((1.0, 1.0, 0.5, 0.25)), ["least_loaded", "min_completion", "tail", "adaptive"]

    def means(tasks: int) -> list[float]:
        requests = conversation(seed, tasks)
        measured = run(Experiment(requests, unequal, [0.7], names, [], seed=seed, asks_waits=False))
        return [one.figures.latency.mean for one in measured]

    by_load, by_mean, by_tail, adapting = means(600)
    assert max(by_mean, by_tail, adapting) < by_load
    by_load, _, _, adapting = means(40)
    assert adapting <= by_load


@pytest.mark.parametrize("strategy", ["round_robin", "power_of_two", "min_completion", "affinity"])
def test_expected_waits_come_true_on_average_whatever_the_strategy(strategy: str) -> None:
    [one] = run(Experiment(conversation(2, 1500), EQUAL, [0.8], [strategy], []))
    assert one.waits is not None
    _, waited = one.waits
    assert abs(waited.bias) < 0.2
    assert 0.55 < waited.within_one < 0.85
    assert waited.within_two > 0.9
