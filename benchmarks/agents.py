"""The figure `agents`: the rate of submits to many agents, over that to one."""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median

from benchmarks.deployment import Deployment
from benchmarks.figures import Row, Say
from benchmarks.load import Order, Outcome
from benchmarks.plan import GOALS, Plan


def measure_agents(start: Callable[[], Deployment], plan: Plan, say: Say) -> list[Row]:
    """As many tasks for `plan.agents` agents as for one, each on a new service whose only place is taken.

    The one agent is measured before the many and after them, so that a machine that changes meanwhile counts for
    neither.
    """
    before, name = _submit(start(), 1, plan, say)
    many, _ = _submit(start(), plan.agents, plan, say)
    after, _ = _submit(start(), 1, plan, say)
    usual = median(before + after)
    ratios = [rate / usual for rate in many]
    measured, goal = median(ratios), GOALS["agents", name]
    note = (
        f"{plan.agents:,} agents with {plan.tasks_per_agent} tasks each: {median(many):.0f} submits/s; "
        f"one with all of them: {usual:.0f}/s"
    )
    return [Row("agents", name, measured, "x", goal, goal.is_met_by(measured), ratios, None, note)]


def _submit(service: Deployment, agents: int, plan: Plan, say: Say) -> tuple[list[float], str]:
    """Submits a second of each round; all rounds together give every agent its tasks, in turn."""
    os.sync()
    tasks = plan.agents * plan.tasks_per_agent // plan.agent_rounds
    rates, used = [], service.cpu_s
    for _ in range(plan.agent_rounds):
        rates.append(_rate(service.put_load(Order(url=service.url, mode="closed", tasks=tasks, agents=agents))))
    cost = (service.cpu_s - used) * 1e6 / (tasks * plan.agent_rounds)
    say(f"{median(rates):.0f} submits/s to {agents:,} agents at {cost:.0f} µs; {service.memory_mib:.0f} MiB")
    service.end()
    return rates, service.name


def _rate(outcome: Outcome) -> float:
    return outcome.answered / (outcome.answered_at - outcome.began_at)
