"""What comes of a simulation: percentiles, slowdowns, evenness, and the truth about waits."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from simulation.experiment import Experiment, run
from simulation.figures import evenness, figures_of, spread
from simulation.fleet import Fleet
from simulation.generator import clients
from simulation.jobs import Job, Request
from simulation.plant import Service
from simulation.plots import windows
from simulation.report import show
from simulation.waits import Expectation, WaitTruth, truth_of


def test_percentiles_are_values_that_occurred() -> None:
    values = spread([float(value) for value in range(200, 0, -1)])
    assert (values.mean, values.p50, values.p95, values.p99) == (100.5, 100, 190, 198)
    assert spread([3.0]) == spread([3.0, 3.0])


def test_latency_is_from_arrival_and_slowdown_over_the_fastest_instance() -> None:
    jobs = [Job(0.0, 2.0, Request(0, 0, 0)), Job(1.0, 4.0, Request(0, 0, 0))]
    services = [Service(0, 0.0, 0.0, 1.0), Service(1, 1.0, 1.0, 9.0)]
    figures = figures_of(jobs, services, fastest=2.0)
    assert list(figures.latencies) == [1.0, 8.0]
    assert (figures.slowdown.p50, figures.slowdown.p99, figures.evenness) == (1.0, 4.0, None)


def test_a_task_is_late_that_ends_after_its_deadline_and_those_without_one_are_not_counted() -> None:
    deadlines = (2.0, 2.0, 1.9, None)
    jobs = [Job(1.0, 1.0, Request(1.0, 0, 0, deadline_s=deadline)) for deadline in deadlines]
    services = [Service(0, 2.0, 2.0, 3.0)] * 4
    assert figures_of(jobs, services, fastest=1.0).late == pytest.approx(1 / 3)
    assert figures_of(jobs[3:], services[3:], fastest=1.0).late is None


def test_evenness_is_1_for_equals_and_1_over_n_where_one_has_it_all() -> None:
    assert evenness({"a": [(2.0, 1.0), (4.0, 1.0)], "b": [(30.0, 10.0)]}) == pytest.approx(1.0)
    assert evenness({"a": [(4.0, 1.0)], **{name: [(0.0, 1.0)] for name in "bcd"}}) == pytest.approx(0.25)
    assert evenness({}) is None


def test_the_truth_about_waits() -> None:
    jobs = [Job(float(n), 1.0, Request(0, 0, 0)) for n in range(4)]
    waits = (0.0, 2.0, 3.0, 10.0)
    services = [Service(0, n + wait, n + wait, n + wait + 1) for n, wait in enumerate(waits)]
    said = {0: Expectation(0.0, 0.0), 1: Expectation(1.0, 1.0), 2: Expectation(5.0, 1.0), 3: Expectation(4.0, 1.0)}
    result = truth_of(said, jobs, services)
    assert result is not None
    overall, waited = result
    assert overall == WaitTruth(4, 2.5, 3.75, 0.5, 0.75)
    assert overall.bias == pytest.approx(-1 / 3)
    assert waited.tasks == 3
    assert (waited.within_one, waited.within_two) == pytest.approx((1 / 3, 2 / 3))
    assert truth_of({0: said[0]}, jobs, services) is None


def test_latency_over_time_is_a_mean_a_window() -> None:
    middles, means = windows([0.0, 1.0, 2.0, 9.9, 10.0], [1.0, 3.0, 5.0, 7.0, 9.0], 5)
    assert (middles, means) == ([1.0, 3.0, 9.0], [2.0, 5.0, 8.0])


def test_the_tables_show_every_policy_at_every_load() -> None:
    experiment = Experiment(clients(1, 200), Fleet((1.0, 0.5)), [0.5, 0.9], ["round_robin"], ["pooled FIFO", "JSQ"])
    text = io.StringIO()
    show(experiment, run(experiment), "workload clients", Console(file=text, width=140))
    shown = text.getvalue()
    assert "load 0.5" in shown
    assert "load 0.9" in shown
    assert "Jain" in shown
    assert shown.count("JSQ") == 2
    assert shown.count("round_robin") == 2 + 4, "twice its latency, and its waits of all tasks and of those that waited"
    assert "█" in shown
