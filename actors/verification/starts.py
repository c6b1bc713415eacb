"""Rule 9: a task that starts passes none that could have started in its place and goes before it.

What can be told from the journal: of *plain* tasks (no scope, no agent of their own, never returned nor suspended) that
the same pools serve, any free instance can take each. So where one starts, no plain task with a smaller rank
(importance, then its place in the order that was in force when it was admitted) may be waiting. Two things may come
between. A strategy that gives instances lines of their own keeps only importance. And an instance that is slow by the
scheduler's own estimate may be left to a task that is done sooner there, though others are before it.
Scopes, slots and instances to be avoided make others wait for reasons that the journal does not repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from math import log

from actors.scheduler.events import InstanceRegistered, StrategyChosen, TaskBound, TaskClosed, TaskQueued, TaskRequeued
from actors.scheduler.lookahead import PATIENCE
from actors.scheduler.strategies import DEFAULT_STRATEGY, STRATEGIES, Strategy
from actors.scheduler.waiting_line import Rank
from actors.store import JournalEntry
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule
from actors.verification.states import Replay


class Starts:
    """The plain tasks that wait, in lines by the pools that serve them."""

    def __init__(self, given: Given, findings: Findings, replay: Replay) -> None:
        self._given = given
        self._findings = findings
        self._replay = replay
        self._arrivals = 0
        self._strategies: dict[str, str] = {}
        self._models: dict[str, str] = {}
        self._lines: dict[tuple[str, ...], list[Rank]] = {}
        self._waiting: dict[str, tuple[tuple[str, ...], Rank]] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            InstanceRegistered: self._registered,
            StrategyChosen: self._chosen,
            TaskQueued: self._queued,
            TaskBound: self._bound,
            TaskRequeued: self._left,
            TaskClosed: self._left,
        }
        return Checker(Rule.ORDER, events=events)

    def _registered(self, entry: JournalEntry, event: InstanceRegistered) -> None:
        self._models[event.ti_uuid] = event.model_name

    def _chosen(self, entry: JournalEntry, event: StrategyChosen) -> None:
        if not event.model_name:
            self._strategies.clear()
        self._strategies[event.model_name] = event.name

    def _queued(self, entry: JournalEntry, event: TaskQueued) -> None:
        self._arrivals += 1
        spec = event.spec
        if spec.scope or spec.has_own_agent:
            return
        state = self._replay.scheduler
        level, set_back = state.line_rules.standing(spec.priority) if state is not None else (spec.priority, 0.0)
        rank = (-level, (event.key or float(self._arrivals)) + set_back, spec.task_id)
        self._waiting[spec.task_id] = (event.pools, rank)
        heappush(self._lines.setdefault(event.pools, []), rank)

    def _bound(self, entry: JournalEntry, event: TaskBound) -> None:
        pools, rank = self._waiting.pop(event.task_id, ((), None))
        if rank is None:
            return
        self._findings.looked_at["starts in order"] += 1
        before = self._first(pools)
        if before is None or before >= rank:
            return
        strategy = self._strategy_at(event.ti_uuid)
        if before[0] == rank[0] and not (strategy is not None and strategy.pooled):
            return
        if self._may_be_declined(event.ti_uuid, strategy):
            self._findings.looked_at["starts out of order on slow instances"] += 1
            return
        more = "which is more important" if before[0] < rank[0] else "which goes before it"
        text = f"started on {event.ti_uuid} while {before[2]} waited, {more}"
        self._findings.add(Rule.ORDER, text, event.task_id, entry)

    def _left(self, entry: JournalEntry, event: TaskRequeued | TaskClosed) -> None:
        self._waiting.pop(event.task_id, None)

    def _first(self, pools: tuple[str, ...]) -> Rank | None:
        line = self._lines.get(pools, [])
        while line and line[0][2] not in self._waiting:
            heappop(line)
        return line[0] if line else None

    def _strategy_at(self, ti_uuid: str) -> Strategy | None:
        name = self._strategies.get(self._models.get(ti_uuid, "")) or self._strategies.get("", DEFAULT_STRATEGY)
        strategy = STRATEGIES.get(name)
        if strategy is None or (ti_uuid not in self._models and self._given.trimmed_until is not None):
            self._findings.unjudged["starts under a strategy that is not known"] += 1
            return None
        return strategy

    def _may_be_declined(self, ti_uuid: str, strategy: Strategy | None) -> bool:
        """Whether the scheduler took the instance to be so much slower than a busy one that some had better wait."""
        state = self._replay.scheduler
        instance = state.instances.get(ti_uuid) if state is not None else None
        if state is None or instance is None:
            self._findings.unjudged["starts out of order where the instances' speeds are not known"] += 1
            return True
        if strategy is not None and not (strategy.pooled or strategy.declines):
            return False
        slowness = state.predictions.least_log_slowness
        pool = state.pools[instance.pool]
        up = [other.ti_uuid for other in pool.instances.values() if other.condition == "up"]
        return (
            slowness(pool.name, ti_uuid) - min(slowness(pool.name, other) for other in up) > log(1.0 + PATIENCE) - 1e-6
        )
