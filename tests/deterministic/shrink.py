"""A plan that fails is made smaller, as long as what is left fails the same way: halves first, then one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from actors.messages.scheduler import SubmitTask
from tests.deterministic.plan import Item, Operation, Plan
from tests.deterministic.world import Outcome, World

T = TypeVar("T")

MOST_RUNS = 400
"""Runs that a plan is worth at most."""


def shrink(plan: Plan, failed: Outcome, most_runs: int = MOST_RUNS) -> tuple[Plan, Outcome]:
    """The smallest plan found, and what it comes to."""
    kind, left = _kind(failed.wrong), most_runs
    best, outcome = plan, failed

    def still_fails(items: Sequence[Item]) -> bool:
        nonlocal left, best, outcome
        if left == 0:
            return False
        left -= 1
        candidate = replace(plan, items=tuple(items))
        came_to = World(candidate).run()
        if _kind(came_to.wrong) != kind:
            return False
        best, outcome = candidate, came_to
        return True

    smaller(list(plan.items), still_fails)
    for n, item in enumerate(best.items):
        simpler = _simpler(item)
        if simpler is not None:
            still_fails([*best.items[:n], simpler, *best.items[n + 1 :]])
    return best, outcome


def smaller(items: list[T], still_fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave out what the failure does not need: large parts first, down to single items."""
    size = max(1, len(items) // 2)
    while True:
        at, removed = 0, False
        while at < len(items):
            fewer = items[:at] + items[at + size :]
            if still_fails(fewer):
                items, removed = fewer, True
            else:
                at += size
        if size == 1 and not removed:
            return items
        size = max(1, size // 2)


def _simpler(item: Item) -> Item | None:
    """The same without its trimmings; None where it has none."""
    if not isinstance(item, Operation) or not (item.loses or item.conducts):
        return None
    return replace(item, loses=0, conducts=())


def _kind(wrong: str) -> str:
    """What failed, without the names and numbers that differ from run to run."""
    words = wrong.partition(" s: ")[2]
    return re.sub(r"\W?\w*\d[\w.:-]*\W?", "#", words)[:40]


def tasks_concerned(plan: Plan, outcome: Outcome) -> list[str]:
    """The tasks that the failure names, or all that the plan submits where it names none and they are few."""
    messages = [item.message for item in plan.items if isinstance(item, Operation)]
    submitted = [message.spec.task_id for message in messages if isinstance(message, SubmitTask)]
    named = [task_id for task_id in submitted if re.search(rf"\b{task_id}\b", outcome.wrong)]
    return named or submitted[:4]
