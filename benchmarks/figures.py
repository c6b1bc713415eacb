"""The figures: how each is measured. Every round is followed by the same load on the bare endpoint."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeAlias

from benchmarks.deployment import Deployment, Target
from benchmarks.load import Order, Outcome
from benchmarks.plan import GOALS, OPEN_RATE, POSTGRESQL_SHARE, Goal, Plan

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one deployment: the median of `rounds`, and of the same load on the bare endpoint."""

    figure: str
    deployment: str
    measured: float
    unit: str
    goal: Goal
    is_met: bool
    rounds: Sequence[float]
    bare: float | None
    note: str = ""

    @property
    def ratio_to_bare(self) -> float | None:
        """This figure over the bare endpoint's."""
        return None if self.bare is None else self.measured / self.bare


def measure_throughput(service: Deployment, bare: Target, plan: Plan, say: Say) -> list[Row]:
    """Tasks a second from the first submit to the last completion. The instances are running and do no work."""
    total = plan.warm_up_tasks
    service.put_load(Order(url=",".join(service.urls), mode="closed", tasks=total, until_idle=True))
    rates, submits, bares, costs = [], [], [], []
    for _ in range(plan.rounds):
        order = Order(url=",".join(service.urls), mode="closed", tasks=plan.throughput_tasks, until_idle=True)
        used = service.cpu_s, service.instances_cpu_s
        outcome = service.put_load(order)
        spent = service.cpu_s - used[0], service.instances_cpu_s - used[1], outcome.cpu_s
        costs.append([seconds * 1e6 / plan.throughput_tasks for seconds in spent])
        total += plan.throughput_tasks
        service.must_have_completed(total, outcome.task_ids)
        rates.append(plan.throughput_tasks / (outcome.idle_at - outcome.began_at))
        submits.append(_answered_rate(outcome))
        bares.append(_bare_rate(bare, plan))
        say(
            f"{rates[-1]:.0f} tasks/s completed, {submits[-1]:.0f}/s answered; bare endpoint {bares[-1]:.0f}/s; "
            f"processor a task: {_costs(costs[-1:])}"
        )
    note = f"{median(submits):.0f}/s answered; processor a task: {_costs(costs)}"
    return [_row("throughput", service, median(rates), "tasks/s", rates, median(bares), note)]


def over_single(rows: Sequence[Row]) -> list[Row]:
    """The same, but two processes of each role have to reach their share of what one process does in the same run."""
    single = next((row for row in rows if (row.figure, row.deployment) == ("throughput", "rabbitmq")), None)
    if single is None:
        return list(rows)
    goal = Goal(POSTGRESQL_SHARE * single.measured, at_least=True)
    return [
        replace(row, goal=goal, is_met=goal.is_met_by(row.measured))
        if (row.figure, row.deployment) == ("throughput", "distributed")
        else row
        for row in rows
    ]


def measure_latency(service: Deployment, bare: Target, plan: Plan, say: Say) -> list[Row]:
    """From the time at which a submit was due to its answer, while what was submitted runs."""
    halves, tails, bare_halves, bare_tails = [], [], [], []
    for _ in range(plan.rounds):
        outcome = service.put_load(_open(service, plan, until_idle=True))
        halves.append(_percentile(outcome, 50))
        tails.append(_percentile(outcome, 99))
        outcome = bare.put_load(_open(bare, plan, until_idle=False))
        bare_halves.append(_percentile(outcome, 50))
        bare_tails.append(_percentile(outcome, 99))
        say(f"p50 {halves[-1]:.2f} ms, p99 {tails[-1]:.2f} ms; bare {bare_halves[-1]:.2f} and {bare_tails[-1]:.2f} ms")
    return [
        _row("latency p50", service, median(halves), "ms", halves, median(bare_halves), f"at {OPEN_RATE}/s"),
        _row("latency p99", service, median(tails), "ms", tails, median(bare_tails), f"at {OPEN_RATE}/s"),
    ]


def measure_waiting(start: Callable[[], Deployment], bare: Target, plan: Plan, say: Say) -> list[Row]:
    """The rate of submits to an empty line and to a long one, and the memory that the long one takes.

    A service's only place is taken by a task that does not end. The empty line is measured before the long one and,
    on a new service, after it, so that a machine that becomes slower or faster meanwhile does not count.
    """
    service = start()
    at_first = service.memory_mib
    before = _submit_rounds(service, plan)
    say(f"{_speed(before)} to a line of {_waiting(service)}; {at_first:.0f} MiB")
    service.put_load(Order(url=service.url, mode="batch", tasks=plan.waiting_tasks - _waiting(service)))
    waiting = _waiting(service)
    assert waiting == plan.waiting_tasks, f"{waiting} tasks wait, not {plan.waiting_tasks}"
    memory = service.memory_mib
    full = _submit_rounds(service, plan)
    peak = service.peak_memory_mib
    say(f"{_speed(full)} to a line of {_waiting(service)}; {memory:.0f} MiB")
    bare_rate = _bare_rate(bare, plan)
    service.end()
    service = start()
    empty = before + _submit_rounds(service, plan)
    say(f"{_speed(empty[plan.waiting_rounds :])} to a line of {_waiting(service)}; bare endpoint {bare_rate:.0f}/s")
    service.end()
    usual = median(rate for rate, _ in empty)
    ratios = [rate / usual for rate, _ in full]
    note = f"{_speed(full)}; empty {_speed(empty)}; {waiting:,} waiting; bare {bare_rate:.0f}/s"
    remark = f"{waiting:,} waiting; {at_first:.0f} MiB with none; at most {peak:.0f} MiB, snapshots included"
    return [
        _row("waiting", service, median(ratios), "x", ratios, None, note),
        _row("memory", service, memory, "MiB", [memory], None, remark),
    ]


def _submit_rounds(service: Deployment, plan: Plan) -> list[tuple[float, float]]:
    """Submits a second, and processor time of the scheduler a submit (µs), of each round after one to warm up.

    Before it the disk writes what it still has to: filling the line leaves it busy for seconds.
    """
    os.sync()
    rounds = []
    for _ in range(1 + plan.waiting_rounds):
        used = service.cpu_s
        outcome = service.put_load(Order(url=service.url, mode="closed", tasks=plan.waiting_round_tasks))
        rounds.append((_answered_rate(outcome), (service.cpu_s - used) * 1e6 / plan.waiting_round_tasks))
    return rounds[1:]


def _speed(rounds: Sequence[tuple[float, float]]) -> str:
    rate, cost = (median(column) for column in zip(*rounds, strict=True))
    return f"{rate:.0f} submits/s at {cost:.0f} µs"


def _costs(rounds: Sequence[Sequence[float]]) -> str:
    scheduler, instances, load = (median(column) for column in zip(*rounds, strict=True))
    return f"scheduler {scheduler:.0f} µs, instances {instances:.0f}, load {load:.0f}"


def _bare_rate(bare: Target, plan: Plan) -> float:
    return _answered_rate(bare.put_load(Order(url=bare.url, mode="closed", tasks=plan.bare_requests)))


def _open(target: Target, plan: Plan, *, until_idle: bool) -> Order:
    return Order(url=target.url, mode="open", tasks=plan.latency_requests, rate=OPEN_RATE, until_idle=until_idle)


def _waiting(service: Deployment) -> int:
    return int(service.get("/queue/info")["waiting_total"])


def _answered_rate(outcome: Outcome) -> float:
    return outcome.answered / (outcome.answered_at - outcome.began_at)


def _percentile(outcome: Outcome, percent: int) -> float:
    return percentile(outcome.latencies_ms, percent)


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest rank in sorted values."""
    return values[math.ceil(len(values) * percent / 100) - 1]


def _row(
    figure: str,
    service: Deployment,
    measured: float,
    unit: str,
    rounds: Sequence[float],
    bare: float | None,
    note: str = "",
) -> Row:
    goal = GOALS[figure, service.name]
    return Row(figure, service.name, measured, unit, goal, goal.is_met_by(measured), rounds, bare, note)
