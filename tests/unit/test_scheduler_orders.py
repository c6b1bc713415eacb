"""The orders of a line: who goes first among equals in importance, by each of them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from actors.messages.answers import QueuesDescribed, Refused, StrategySet
from actors.messages.scheduler import DescribeQueues, SetStrategy
from actors.scheduler import LineRules, SchedulerPolicy
from actors.scheduler.events import OrderChosen, TaskQueued
from actors.scheduler.order_names import ORDERS
from actors.scheduler.snapshot import SchedulerKept
from tests.unit.scheduling import Scheduling, submit


def ordered(order: str, policy: SchedulerPolicy | None = None) -> Scheduling:
    """One place, taken by `running`, and this order."""
    scheduling = Scheduling(policy)
    scheduling.tell(SetStrategy("", order=order))
    scheduling.register("i1", capabilities=("preempt",))
    scheduling.tell(submit("running", user="nobody", priority=20))
    return scheduling


def emptied(scheduling: Scheduling) -> list[str]:
    """The line in the order in which it is run."""
    order = []
    while running := list(scheduling.running()):
        order += scheduling.settle(running[0]).runs
    return order


def test_by_default_in_order_of_admission_even_where_the_clock_stands_still_or_goes_back() -> None:
    scheduling = ordered("priority")
    names = [f"t{n}" for n in (3, 1, 2, 9, 4)]
    for n, name in enumerate(names):
        scheduling.now -= 50.0 * (n % 2)
        scheduling.tell(submit(name, user=name, deadline_ms=1000 - n))
    keys = [scheduling.state.tasks[name].key for name in names]
    assert keys == sorted(set(keys))
    assert emptied(scheduling) == names


def test_a_task_under_an_id_that_was_used_before_waits_behind_those_that_came_before_it() -> None:
    scheduling = ordered("priority")
    for name in ("first", "again", "second"):
        scheduling.tell(submit(name))
    scheduling.settle("again")
    scheduling.tell(submit("again"))
    assert emptied(scheduling) == ["first", "second", "again"]


@pytest.mark.parametrize("order", ORDERS)
def test_importance_comes_first_in_every_order(order: str) -> None:
    scheduling = ordered(order)
    for n in range(6):
        scheduling.tell(submit(f"t{n}", user="a", deadline_ms=1000 - n, priority=n % 3))
    assert [name[1] for name in emptied(scheduling)][::2] in (["2", "1", "0"], ["5", "4", "3"])


def test_users_take_turns_in_a_fair_line_and_who_came_late_does_not_wait_for_the_backlog_of_others() -> None:
    scheduling = ordered("fair")
    for n in range(4):
        scheduling.tell(submit(f"a{n}", user="a"))
    for name in ("b0", "b1", "c0"):
        scheduling.tell(submit(name, user=name[0]))
    assert emptied(scheduling) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_without_a_user_an_agents_share_is_used_and_fair_agents_looks_at_no_users() -> None:
    scheduling = Scheduling(SchedulerPolicy(agent_slots=9))
    scheduling.register("i1")
    scheduling.tell(submit("running"))
    scheduling.tell(SetStrategy("", order="FairAgents"))
    for n in range(3):
        scheduling.tell(submit(f"a{n}", agent="a", user=f"u{n}"))
    scheduling.tell(submit("b0", agent="b", user="u0"))
    assert emptied(scheduling) == ["a0", "b0", "a1", "a2"]
    scheduling.tell(submit("running"))
    scheduling.tell(SetStrategy("", order="fair"))
    for n in range(3):
        scheduling.tell(submit(f"c{n}", agent="c", user=""))
    scheduling.tell(submit("d0", agent="c", user="c"))
    assert emptied(scheduling) == ["c0", "d0", "c1", "c2"]


def test_a_client_of_twice_the_weight_runs_twice_as_much() -> None:
    scheduling = ordered("fair", SchedulerPolicy(lines=LineRules(shares={"a": 2.0})))
    for n in range(6):
        scheduling.tell(submit(f"a{n}", user="a"))
        scheduling.tell(submit(f"b{n}", user="b"))
    first = emptied(scheduling)[:9]
    assert [sum(name.startswith(user) for name in first) for user in "ab"] == [6, 3]


def test_what_a_task_is_predicted_to_cost_counts_against_its_user() -> None:
    scheduling = ordered("fair")
    scheduling.register("n1", model="n")
    scheduling.settle("running", 100.0)
    scheduling.tell(submit("running", priority=20, user="nobody"))
    key = {name: scheduling.tell(submit(name, user="a")).of(TaskQueued)[0].key for name in ("a0", "a1")}
    assert key["a1"] - key["a0"] == pytest.approx(0.1)


def test_tasks_that_end_while_they_wait_leave_a_fair_line_as_if_they_had_been_started() -> None:
    scheduling = ordered("fair")
    for name in ("a0", "a1"):
        scheduling.tell(submit(name, user="a"))
        scheduling.settle(name)
    [fair] = [fair for (_, priority), fair in scheduling.state.fair.items() if priority == 0]
    assert fair.shares.waiting == 0
    scheduling.pass_time(60.0)
    scheduling.tell(submit("b", user="b"))
    share = scheduling.state.tasks["b"].share
    assert share is not None
    assert (share.tag, list(fair.shares.finishes)) == (1060.0, ["user:b"])


def test_the_shortest_goes_first_but_who_waits_is_overtaken_only_for_a_while() -> None:
    scheduling = ordered("shortest_predicted")
    scheduling.tell(submit("unknown"))  # a second is assumed, give or take a second
    scheduling.register("i2")
    assert scheduling.running().keys() == {"running", "unknown"}
    for name in ("a", "b"):
        scheduling.tell(submit(name))
    assert scheduling.settle("unknown", 100.0).runs == ["a"]
    scheduling.tell(submit("short"))
    scheduling.pass_time(3.0)
    scheduling.tell(submit("later"))
    assert emptied(scheduling) == ["short", "b", "later"]


def test_the_earliest_deadline_goes_first_and_who_has_none_is_due_after_a_default() -> None:
    scheduling = ordered("deadline", SchedulerPolicy(lines=LineRules(default_deadline_s=60.0)))
    scheduling.tell(submit("none"))
    scheduling.tell(submit("late", deadline_ms=90_000))
    scheduling.tell(submit("soon", deadline_ms=5_000))
    scheduling.tell(submit("sooner", deadline_ms=4_000))
    assert emptied(scheduling) == ["sooner", "soon", "none", "late"]


@pytest.mark.parametrize("order", ORDERS)
def test_who_was_returned_or_gave_way_has_the_place_that_it_had(order: str) -> None:
    scheduling = ordered(order)
    scheduling.settle("running")
    for n in range(4):
        scheduling.tell(submit(f"t{n}", user="a"))
    scheduling.give_way("t0")
    assert list(scheduling.running()) == ["t0"]
    scheduling.give_back("t0")
    scheduling.pass_time(0.0)
    assert list(scheduling.running()) == ["t1"]
    assert emptied(scheduling) == ["t0", "t2", "t3"]


def test_an_order_is_for_who_is_admitted_from_then_on_and_for_one_model_or_all() -> None:
    scheduling = ordered("priority")
    scheduling.tell(submit("t1"))
    told = scheduling.tell(SetStrategy("", "m", "deadline"))
    assert told.events == [OrderChosen("deadline", "m")]
    assert told.answer == StrategySet("shortest_queue", "m", "deadline")
    scheduling.tell(submit("t2", deadline_ms=500))
    assert [scheduling.state.order(model) for model in ("m", "n")] == ["deadline", "priority"]
    told = scheduling.tell(SetStrategy("weighted", order="Fair"))
    assert told.answer == StrategySet("weighted", "", "fair")
    assert [scheduling.state.order(model) for model in ("m", "n")] == ["fair", "fair"]
    described = scheduling.tell(DescribeQueues()).answer
    assert isinstance(described, QueuesDescribed)
    assert described.order == "fair"
    assert emptied(scheduling) == ["t2", "t1"]


@pytest.mark.parametrize("wrong", [SetStrategy(""), SetStrategy("", order="lifo"), SetStrategy("lifo", order="fair")])
def test_what_is_unknown_or_nothing_is_refused_and_changes_nothing(wrong: SetStrategy) -> None:
    told = Scheduling().tell(wrong)
    assert told.events == []
    assert isinstance(told.answer, Refused)
    assert told.answer.code == "invalid"


def test_records_from_before_there_were_orders_come_first_as_they_arrived() -> None:
    scheduling = ordered("priority")
    for n in range(3):
        spec = submit(f"old{2 - n}").spec
        scheduling.behaviour.evolve(scheduling.state, TaskQueued(spec, ("model:m",), "i1"))
    scheduling.tell(submit("new"))
    kept = scheduling.behaviour.dump(scheduling.state)
    assert isinstance(kept, SchedulerKept)
    stored = msgspec.to_builtins(replace(kept, tasks=[t for t in kept.tasks if t.spec.task_id != "new"]))
    for name in ("orders", "fair", "admitted_at"):
        del stored[name]
    for entry in stored["tasks"]:
        del entry["key"], entry["share"]
    old = Scheduling()
    old.state = old.behaviour.load("one", msgspec.convert(stored, SchedulerKept))
    old.tell(submit("new"))
    for each in (scheduling, old):
        assert emptied(each) == ["old2", "old1", "old0", "new"]
