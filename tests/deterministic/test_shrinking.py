"""A failing plan becomes a small one that fails the same way."""

from __future__ import annotations

import pytest

from actors.messages.scheduler import SubmitTask
from tests.deterministic import watch
from tests.deterministic.plan import Operation, make_plan
from tests.deterministic.shrink import shrink, smaller, tasks_concerned
from tests.deterministic.world import World


@pytest.mark.parametrize("needed", [[3], [0, 11], [2, 3, 4], [1, 6, 10], []])
def test_only_what_is_needed_is_left(needed: list[int]) -> None:
    assert smaller(list(range(12)), lambda items: all(n in items for n in needed)) == needed


def test_a_promise_that_is_broken_is_pinned_to_the_task_that_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were two attempts too many, a task that is tried twice would be all that it takes."""
    monkeypatch.setattr(watch, "MAX_ATTEMPTS", 1)
    plan = next(plan for plan in map(make_plan, range(20)) if World(plan).run().wrong)
    failed = World(plan).run()
    small, outcome = shrink(plan, failed, most_runs=80)
    assert "was bound as" in outcome.wrong
    assert len(small.items) < len(plan.items) / 2
    [task_id] = tasks_concerned(small, outcome)
    submitted = [item.message for item in small.items if isinstance(item, Operation)]
    assert task_id in [message.spec.task_id for message in submitted if isinstance(message, SubmitTask)]
