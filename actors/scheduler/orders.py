"""The order of a line among equals in importance: each task gets a key once, at admission, and the smallest goes first.

A key is in seconds on the clock of admission, or of a fair line, which may be ahead of it, so that tasks of different
orders can stand in one line. It never changes: what a task has, it has also after it was returned or has given way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.messages.tasks import TaskSpec
from actors.scheduler.fair_line import FairLine, ShareUse
from actors.scheduler.pools import pools_for
from actors.scheduler.state import SchedulerState
from actors.scheduler.waiting_line import Rank

LEAST_STEP_S = 1e-6
"""Two admissions are this far apart at least, whatever the clock does: well above what a float of today can tell."""

PATIENCE = 1.0
"""A task may be overtaken by those that come within this many times the execution time predicted for it."""

RISK = 1.0
"""Standard deviations on top of the mean that a task is taken to need: who is sure to be short goes first."""


@dataclass(frozen=True, slots=True)
class LineKey:
    """When a task was admitted, its key and, in a fair line, what it takes of its client's share."""

    admitted_at: float
    key: float
    share: ShareUse | None = None


def key_for(state: SchedulerState, spec: TaskSpec, now: float) -> LineKey:
    """The key of a task that is admitted now, by the order of its model."""
    admitted_at = max(now, state.admitted_at + LEAST_STEP_S)
    order = state.order(spec.model_name)
    if order == "shortest_predicted":
        return LineKey(admitted_at, shortest_first(admitted_at, *expected_s(state, spec)))
    if order == "deadline":
        return LineKey(admitted_at, _deadline(state, spec, admitted_at))
    if order in ("fair", "fair_agents"):
        return _fair(state, spec, admitted_at, client_of(spec, by_user=order == "fair"))
    return LineKey(admitted_at, admitted_at)


def rank_of(state: SchedulerState, spec: TaskSpec, line: LineKey) -> Rank:
    """The place in any line of a task that is admitted with this key."""
    level, set_back = state.line_rules.standing(spec.priority)
    return (-level, line.key + set_back, spec.task_id)


def expected_s(state: SchedulerState, spec: TaskSpec) -> tuple[float, float]:
    """Mean and standard deviation (s) of the task's execution time, wherever it will run."""
    pool = state.serving_pool(pools_for(spec))
    prediction = state.predictions.ordinary(pool, spec.features)
    return prediction.mean_ms / 1000.0, prediction.std_ms / 1000.0


def shortest_first(admitted_at: float, mean_s: float, deviation_s: float) -> float:
    """The key of a task that is expected to take so long, give or take the deviation."""
    return admitted_at + PATIENCE * (mean_s + RISK * deviation_s)


def client_of(spec: TaskSpec, *, by_user: bool) -> str:
    """Whose share the task uses: its user's, where that counts and is known, else its agent's."""
    return f"user:{spec.user_id}" if by_user and spec.user_id else f"agent:{spec.agent_id}"


def _deadline(state: SchedulerState, spec: TaskSpec, admitted_at: float) -> float:
    if spec.deadline_ms is None:
        return admitted_at + state.line_rules.default_deadline_s
    return spec.submitted_at + spec.deadline_ms / 1000.0


def _fair(state: SchedulerState, spec: TaskSpec, admitted_at: float, client: str) -> LineKey:
    level, _ = state.line_rules.standing(spec.priority)
    line = state.fair.get((spec.model_name, level)) or FairLine()
    cost_s, _ = expected_s(state, spec)
    weight = state.line_rules.shares.get(client.partition(":")[2], 1.0)
    share = replace(line.use_of(client, cost_s, weight, admitted_at), level=level)
    return LineKey(admitted_at, share.key, share)
