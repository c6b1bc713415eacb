"""When a free instance is left idle, by example: one instance takes 100 ms a task, the other 900 ms."""

from __future__ import annotations

from actors.messages.answers import WaitExplained
from actors.messages.scheduler import ExplainWait, SetStrategy
from actors.messages.tasks import Features
from actors.scheduler.events import DeferralEnded, StartsDeferred
from tests.unit.scheduling import Scheduling, submit


def fast_and_slow() -> Scheduling:
    """A scheduler that has learnt how fast they are."""
    scheduling = Scheduling()
    for name in ("slow", "fast"):
        scheduling.register(name)
    for n in range(20):
        scheduling.tell(submit(f"warm{n}"))
        scheduling.tell(submit(f"warm too {n}"))
        while running := scheduling.running():
            for task_id, ti_uuid in running.items():
                scheduling.settle(task_id, 900.0 if ti_uuid == "slow" else 100.0)
    scheduling.pass_time(10.0)
    return scheduling


def test_a_task_waits_for_the_faster_one() -> None:
    scheduling = fast_and_slow()
    scheduling.tell(submit("t0"))
    told = scheduling.tell(submit("t1"))
    assert scheduling.running() == {"t0": "fast"}
    [deferred] = told.of(StartsDeferred)
    assert deferred.pool == "model:m"
    assert scheduling.now < deferred.until < scheduling.now + 0.3
    assert not scheduling.tell(submit("t2")).of(StartsDeferred), "said once is enough"
    assert scheduling.settle("t0", 100.0).bound == [("t1", "fast")]


def test_who_is_left_waiting_hears_that_it_is_not_for_a_free_one() -> None:
    scheduling = fast_and_slow()
    scheduling.tell(submit("t0"))
    scheduling.tell(submit("t1"))
    answer = scheduling.tell(ExplainWait("t1")).answer
    assert answer == WaitExplained("waiting for a TaskInstance that is done with it sooner than those that are free")
    scheduling.down("slow")
    assert scheduling.tell(ExplainWait("t1")).answer == WaitExplained("waiting for a free TaskInstance")


def test_who_may_not_start_where_it_has_failed_hears_so() -> None:
    scheduling = Scheduling()
    for name in ("i1", "i2"):
        scheduling.register(name)
    scheduling.tell(submit("t1"))
    scheduling.tell(submit("t2"))
    scheduling.give_back("t1")
    scheduling.pass_time(0.0)
    answer = scheduling.tell(ExplainWait("t1")).answer
    assert answer == WaitExplained("waiting for a TaskInstance other than those where it has failed")


def test_with_enough_in_line_the_slow_one_is_worth_it_for_one_further_back() -> None:
    scheduling = fast_and_slow()
    for n in range(20):
        scheduling.tell(submit(f"t{n}"))
    running = {ti_uuid: task_id for task_id, ti_uuid in scheduling.running().items()}
    assert running["fast"] == "t0"
    assert running["slow"] not in ("t0", "t1", "t2"), "those are done sooner on the fast one"
    assert scheduling.settle("t0", 100.0).bound == [("t1", "fast")], "which they do get"


def test_one_that_is_long_overdue_is_not_waited_for_any_longer() -> None:
    scheduling = fast_and_slow()
    scheduling.tell(submit("t0"))
    scheduling.tell(submit("t1"))
    looked = 0
    while "t1" not in scheduling.running():
        due = scheduling.behaviour.next_due(scheduling.state)
        assert due is not None, "nobody looks again"
        looked += len(scheduling.pass_time(due - scheduling.now).of(DeferralEnded))
    assert looked > 1
    assert scheduling.running()["t1"] == "slow"


def test_one_that_had_better_not_wait_for_long_is_looked_at_again_before_one_that_could_have() -> None:
    scheduling = fast_and_slow()
    for n in range(5):
        scheduling.tell(submit(f"long{n}", features=Features("long")))
        scheduling.settle(f"long{n}", 60_000.0)
    scheduling.tell(submit("long", features=Features("long")))
    [until] = [told.until for told in scheduling.tell(submit("longer", features=Features("long"))).of(StartsDeferred)]
    assert until > scheduling.now + 30.0
    for task_id in ("long", "longer"):
        scheduling.settle(task_id)
    scheduling.tell(submit("t0"))
    scheduling.tell(submit("t1"))
    assert scheduling.running() == {"t0": "fast"}
    while "t1" not in scheduling.running():
        due = scheduling.behaviour.next_due(scheduling.state)
        assert due is not None
        assert due < until, "by now it is long overdue"
        scheduling.pass_time(due - scheduling.now)
    assert scheduling.running()["t1"] == "slow"


def test_a_snapshot_remembers_to_look_again() -> None:
    scheduling = fast_and_slow()
    scheduling.tell(submit("t0"))
    scheduling.tell(submit("t1"))
    assert scheduling.copy().behaviour.next_due(scheduling.copy().state) is not None


def test_an_instance_that_is_fast_enough_is_taken_at_once() -> None:
    scheduling = fast_and_slow()
    scheduling.register("also fast")
    for n in range(3):
        scheduling.tell(submit(f"x{n}"))
    assert set(scheduling.running().values()) == {"fast", "also fast"}


def test_what_one_strategy_leaves_idle_another_starts_on_at_once() -> None:
    scheduling = fast_and_slow()
    scheduling.tell(submit("t0"))
    scheduling.tell(submit("t1"))
    assert scheduling.tell(SetStrategy("round_robin")).bound == [("t1", "slow")]
