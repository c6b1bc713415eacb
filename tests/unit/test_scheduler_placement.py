"""Placement: who is next, and where: importance, arrival, slots, credits, strategies."""

from __future__ import annotations

import pytest

from actors.messages.answers import Refused, StrategySet, TaskAccepted
from actors.messages.scheduler import SetStrategy
from actors.scheduler import SchedulerPolicy
from actors.scheduler.events import StrategyChosen
from tests.unit.scheduling import Scheduling, submit


def one_instance(capacity: int = 1, policy: SchedulerPolicy | None = None) -> Scheduling:
    """A scheduler with the instance `i1`."""
    scheduling = Scheduling(policy)
    scheduling.register("i1", capacity=capacity)
    return scheduling


def drain_order(scheduling: Scheduling) -> list[str]:
    """The order in which the tasks run, one after the other, the running one included."""
    order = []
    while running := list(scheduling.running()):
        order.append(running[0])
        scheduling.settle(running[0])
    return order


def test_the_most_important_runs_next_and_among_equals_the_first_come() -> None:
    scheduling = one_instance()
    for name, priority in [("t0", 0), ("low", -5), ("n1", 0), ("n2", 0), ("high", 10), ("top", 19), ("high2", 10)]:
        scheduling.tell(submit(name, priority=priority))
    assert drain_order(scheduling) == ["t0", "top", "high", "high2", "n1", "n2", "low"]


def test_an_instance_starts_as_many_as_its_capacity_and_the_next_as_each_ends() -> None:
    scheduling = one_instance(capacity=2)
    started = [scheduling.tell(submit(f"t{n}")).runs for n in range(4)]
    assert started == [["t0"], ["t1"], [], []]
    assert scheduling.settle("t1").bound == [("t2", "i1")]
    assert scheduling.settle("t0").bound == [("t3", "i1")]
    assert scheduling.settle("t3").bound == []


def test_a_waiting_task_is_bound_only_when_a_place_comes_free_wherever_that_is() -> None:
    scheduling = one_instance()
    scheduling.register("i2")
    for n in range(3):
        scheduling.tell(submit(f"t{n}"))
    meant_for = scheduling.tentative("t2")
    other = next(t for t, ti_uuid in scheduling.running().items() if ti_uuid != meant_for)
    bound = scheduling.settle(other).bound
    assert [task_id for task_id, _ in bound] == ["t2"]
    assert bound[0][1] != meant_for


@pytest.mark.parametrize("strategy", ["shortest_queue", "round_robin", "weighted"])
def test_a_task_that_starts_at_once_starts_where_its_submitter_is_told(strategy: str) -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy(strategy))
    for name in ("i1", "i2", "i3"):
        scheduling.register(name, capacity=2)
    for n in range(6):
        told = scheduling.tell(submit(f"t{n}"))
        assert told.answer == TaskAccepted(f"t{n}", scheduling.running()[f"t{n}"])


def test_more_capacity_at_a_new_registration_starts_what_waits() -> None:
    scheduling = one_instance()
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
    assert scheduling.register("again", capacity=3, port=scheduling.state.instances["i1"].port).bound == [
        ("t1", "i1"),
        ("t2", "i1"),
    ]


def test_less_capacity_takes_nothing_away_and_starts_nothing_until_it_is_met() -> None:
    scheduling = one_instance(capacity=3)
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
    scheduling.register("i1", capacity=1)
    assert len(scheduling.running()) == 3
    assert [scheduling.settle(f"t{n}").runs for n in range(3)] == [[], [], ["t3"]]


def test_an_agent_runs_one_task_at_once_and_leaves_the_rest_of_the_capacity_to_others() -> None:
    scheduling = one_instance(capacity=3)
    for name, agent in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("r1", "")]:
        scheduling.tell(submit(name, agent=agent))
    assert set(scheduling.running()) == {"a1", "b1", "r1"}
    assert scheduling.settle("b1").runs == []
    assert scheduling.settle("a1").runs == ["a2"]


def test_an_agent_has_as_many_slots_as_it_is_configured_for() -> None:
    scheduling = one_instance(capacity=9, policy=SchedulerPolicy(agent_slots=2, slots_of={"wide": 3}))
    for n in range(4):
        scheduling.tell(submit(f"w{n}", agent="wide"))
        scheduling.tell(submit(f"a{n}", agent="a"))
    assert sorted(scheduling.running()) == ["a0", "a1", "w0", "w1", "w2"]


def test_an_agents_more_important_task_takes_the_place_of_the_one_it_had_in_the_line() -> None:
    scheduling = one_instance()
    scheduling.tell(submit("busy"))
    scheduling.tell(submit("a-low", agent="a", priority=0))
    scheduling.tell(submit("b", agent="b", priority=1))
    scheduling.tell(submit("a-high", agent="a", priority=5))
    assert scheduling.settle("busy").runs == ["a-high"]
    assert scheduling.settle("a-high").runs == ["b"]
    assert scheduling.settle("b").runs == ["a-low"]


def test_tasks_of_one_agent_run_in_order_of_importance_even_across_models() -> None:
    scheduling = one_instance()
    scheduling.register("i2", model="n")
    scheduling.tell(submit("first", agent="a"))
    scheduling.tell(submit("second", agent="a", model="n"))
    scheduling.tell(submit("urgent", agent="a", model="n", priority=9))
    assert scheduling.settle("first").bound == [("urgent", "i2")]
    assert scheduling.settle("urgent").bound == [("second", "i2")]


def test_the_end_of_a_task_that_only_waits_frees_its_place_in_the_line() -> None:
    """An earlier attempt, given up, may still report an end."""
    scheduling = one_instance()
    for name, agent in [("busy", ""), ("a1", "a"), ("a2", "a")]:
        scheduling.tell(submit(name, agent=agent))
    scheduling.settle("a1")
    assert "a1" not in scheduling.state.tasks
    assert scheduling.queues()["i1"].waiting == 1
    assert scheduling.settle("busy").runs == ["a2"]


def test_shortest_queue_prefers_the_instance_that_will_be_done_first() -> None:
    scheduling = Scheduling()
    for name in ("slow", "fast"):
        scheduling.register(name)
    for n in range(0, 20, 2):
        scheduling.tell(submit(f"warm{n}"))
        scheduling.tell(submit(f"warm{n + 1}"))
        while running := scheduling.running():
            for task_id, ti_uuid in running.items():
                scheduling.settle(task_id, 900.0 if ti_uuid == "slow" else 100.0)
    answers = [scheduling.tell(submit(f"t{n}")).answer for n in range(4)]
    assert [answer.scheduled_ti for answer in answers if isinstance(answer, TaskAccepted)] == ["fast"] * 4
    assert scheduling.running() == {"t0": "fast"}, "all four are done sooner than one would be on the slow one"


def test_round_robin_meets_each_in_turn_and_each_serves_its_own_line_first() -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy("RoundRobin"))
    for name in ("i1", "i2"):
        scheduling.register(name)
    for n in range(6):
        scheduling.tell(submit(f"t{n}"))
    assert [scheduling.tentative(f"t{n}") for n in range(6)] == ["i1", "i2"] * 3
    assert scheduling.settle("t1").bound == [("t3", "i2")]
    assert scheduling.settle("t3").bound == [("t5", "i2")]
    assert scheduling.settle("t5").bound == [("t2", "i2")], "with nothing of its own left, it takes another's"


def test_with_lines_of_their_own_a_more_important_task_still_goes_first_wherever_it_was_meant_to_go() -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy("round_robin"))
    for name in ("i1", "i2"):
        scheduling.register(name)
    for name, priority in [("r1", 0), ("r2", 0), ("for-i1", 0), ("for-i2", 0), ("urgent-for-i1", 5)]:
        scheduling.tell(submit(name, priority=priority))
    assert scheduling.tentative("urgent-for-i1") == "i1"
    assert scheduling.settle("r2").bound == [("urgent-for-i1", "i2")]


def test_a_task_meant_for_an_instance_that_is_down_does_not_wait_behind_those_who_came_later() -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy("round_robin"))
    for name in ("i1", "i2"):
        scheduling.register(name)
    for name in ("r1", "r2", "old-for-i1", "old-for-i2"):
        scheduling.tell(submit(name))
    scheduling.down("i2")
    for n in range(3):
        scheduling.tell(submit(f"new{n}"))
    assert scheduling.tentative("old-for-i2") == "i2"
    assert scheduling.settle("r1").runs == ["old-for-i1"]
    assert scheduling.settle("old-for-i1").runs == ["old-for-i2"]


def test_weighted_follows_the_capacities() -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy("weighted"))
    scheduling.register("one", capacity=1)
    scheduling.register("three", capacity=3)
    for n in range(8):
        scheduling.tell(submit(f"t{n}"))
    assert sorted(scheduling.tentative(f"t{n}") for n in range(8)) == ["one"] * 2 + ["three"] * 6


def test_probabilistic_follows_the_chance_that_comes_with_the_message() -> None:
    starts = []
    for n in range(16):
        scheduling = Scheduling()
        scheduling.tell(SetStrategy("probabilistic"))
        for name in ("i1", "i2"):
            scheduling.register(name)
        scheduling.tell(submit("t1"), chance=n / 16)
        starts.append(scheduling.running()["t1"])
    assert set(starts) == {"i1", "i2"}


def test_another_strategy_gives_those_who_wait_lines_of_their_own_or_one_common_line() -> None:
    scheduling = one_instance()
    scheduling.register("i2")
    for n in range(6):
        scheduling.tell(submit(f"t{n}"))
    told = scheduling.tell(SetStrategy("round_robin"))
    assert told.events == [StrategyChosen("round_robin", "")]
    assert told.answer == StrategySet("round_robin", "", "priority")
    own = {name: len(i.own_line) for name, i in scheduling.state.instances.items()}
    assert own == {"i1": 2, "i2": 2}
    assert scheduling.settle("t1").bound == [("t3", "i2")]
    scheduling.tell(SetStrategy("shortest_queue"))
    assert [len(i.own_line) for i in scheduling.state.instances.values()] == [0, 0]
    assert scheduling.settle("t3").bound == [("t2", "i2")]


def test_a_strategy_of_one_model_is_in_force_for_that_model_until_one_is_set_for_all() -> None:
    scheduling = one_instance()
    scheduling.tell(SetStrategy("round_robin", "m"))
    assert [scheduling.state.strategy(model).name for model in ("m", "n")] == ["round_robin", "shortest_queue"]
    scheduling.tell(SetStrategy("weighted"))
    assert [scheduling.state.strategy(model).name for model in ("m", "n")] == ["weighted", "weighted"]


def test_an_unknown_strategy_is_refused_and_the_known_ones_are_named() -> None:
    answer = Scheduling().tell(SetStrategy("fastest")).answer
    assert isinstance(answer, Refused)
    assert answer.code == "invalid"
    assert "fastest" in answer.reason
    for name in ("shortest_queue", "round_robin", "weighted", "probabilistic"):
        assert name in answer.reason


@pytest.mark.parametrize("count", [1, 50])
def test_one_task_a_decision_so_that_each_sees_what_is_free_by_then(count: int) -> None:
    scheduling = Scheduling()
    for n in range(count):
        scheduling.tell(submit(f"t{n}", agent=f"a{n}", origin="grpc"))
    assert scheduling.register("i1", capacity=count).runs == [f"t{n}" for n in range(count)]
