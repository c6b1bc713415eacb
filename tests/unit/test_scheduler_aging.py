"""Aging: to have waited is worth levels of importance, up to one that nobody rises to by waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.scheduler import SetStrategy
from actors.scheduler import LineRules, SchedulerPolicy
from actors.scheduler.events import PreemptionStarted
from actors.scheduler.order_names import ORDERS
from tests.unit.scheduling import Scheduling, submit

AGING = LineRules(aging_s=60.0, aging_to=10)


def aging(order: str = "priority", rules: LineRules = AGING) -> Scheduling:
    """One place, taken by `running`, which gives way to nothing."""
    scheduling = Scheduling(SchedulerPolicy(lines=rules))
    scheduling.tell(SetStrategy("", order=order))
    scheduling.register("i1", capabilities=("preempt",))
    scheduling.tell(submit("running", priority=20))
    return scheduling


def emptied(scheduling: Scheduling) -> list[str]:
    """The line in the order in which it is run."""
    order = []
    while running := list(scheduling.running()):
        order += scheduling.settle(running[0]).runs
    return order


def test_by_default_nothing_is_worth_as_much_as_importance() -> None:
    scheduling = aging(rules=LineRules())
    scheduling.tell(submit("old", priority=0))
    scheduling.pass_time(30 * 86_400.0)
    scheduling.tell(submit("new", priority=1))
    assert emptied(scheduling) == ["new", "old"]


def test_a_task_passes_those_that_are_more_important_by_fewer_levels_than_it_has_waited_for() -> None:
    scheduling = aging()
    scheduling.tell(submit("old", priority=0))
    scheduling.pass_time(119.0)
    for priority in (1, 2):
        scheduling.tell(submit(f"new{priority}", priority=priority))
    assert emptied(scheduling) == ["new2", "old", "new1"]


@pytest.mark.parametrize("order", ORDERS)
def test_at_equal_age_the_more_important_goes_first_in_every_order(order: str) -> None:
    scheduling = aging(order)
    for priority in (0, 3, -2, 10, 1):
        scheduling.tell(submit(f"t{priority}", priority=priority, user=f"u{priority}"))
    assert emptied(scheduling) == ["t10", "t3", "t1", "t0", "t-2"]


def test_nobody_rises_above_the_level_that_aging_goes_to() -> None:
    scheduling = aging()
    scheduling.tell(submit("old", priority=10))
    scheduling.pass_time(30 * 86_400.0)
    scheduling.tell(submit("critical", priority=11))
    assert emptied(scheduling) == ["critical", "old"]


def test_who_has_risen_is_not_displaced_by_those_it_has_passed_and_all_are_by_what_is_above() -> None:
    scheduling = aging()
    scheduling.tell(submit("old", priority=-19))
    scheduling.pass_time(29 * 60.0 + 1.0)
    scheduling.tell(submit("passed", priority=10))
    assert scheduling.settle("running").runs == ["old"]
    assert not scheduling.tell(submit("high", priority=10)).of(PreemptionStarted)
    [asked] = scheduling.tell(submit("critical", priority=11)).of(PreemptionStarted)
    assert (asked.task_id, asked.for_task) == ("old", "critical")


def test_users_of_all_levels_that_age_have_one_share_each() -> None:
    scheduling = aging("fair")
    for n in range(3):
        scheduling.tell(submit(f"a{n}", priority=n - 1, user="a"))
    assert [level for _, level in scheduling.state.fair] == [20, 10]


def test_tasks_that_waited_before_the_rules_were_changed_stand_where_the_new_ones_put_them() -> None:
    scheduling = aging(rules=LineRules())
    scheduling.tell(submit("old", priority=0))
    scheduling.pass_time(90.0)
    scheduling.tell(submit("new", priority=1))
    kept = scheduling.behaviour.dump(scheduling.state)
    for rules, expected in ((AGING, ["old", "new"]), (LineRules(), ["new", "old"])):
        after = aging(rules=rules)
        after.state = after.behaviour.load("one", kept)
        kept = after.behaviour.dump(after.state)
        assert emptied(after.copy()) == expected


@given(
    st.lists(st.tuples(st.integers(-19, 20), st.floats(0.0, 300.0)), min_size=2, max_size=8),
    st.floats(0.1, 100.0),
    st.integers(-19, 20),
)
def test_the_order_is_that_of_levels_gained_by_waiting(
    tasks: list[tuple[int, float]], aging_s: float, aging_to: int
) -> None:
    rules = replace(AGING, aging_s=aging_s, aging_to=aging_to)

    def rank(priority: int, came_at: float) -> tuple[int, float]:
        level, set_back = rules.standing(priority)
        return -level, came_at + set_back

    now = 400.0
    for priority, came_at in tasks:
        for other, other_came_at in tasks:
            if max(priority, other) > aging_to:
                expected = priority > other or (priority == other and came_at < other_came_at)
            else:
                gained, other_gained = (now - came_at) / aging_s, (now - other_came_at) / aging_s
                if abs(priority + gained - other - other_gained) < 1e-6:
                    continue
                expected = priority + gained > other + other_gained
            assert (rank(priority, came_at) < rank(other, other_came_at)) == expected
