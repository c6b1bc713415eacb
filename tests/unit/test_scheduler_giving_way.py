"""Who is to give way, and who is let be, as things change around those that ask and those that are asked."""

from __future__ import annotations

import pytest

from actors.behaviour import Received
from actors.messages.agent import PreemptTask, SparePreemption
from actors.messages.runtime import Resumed
from actors.messages.scheduler import AttachWorker, RequestPreemption, ShutdownAgent
from actors.scheduler import PreemptionRules, SchedulerPolicy
from tests.unit.scheduling import Scheduling, Told, submit

ABLE = ("preempt",)


def with_instances(*capacities: int, slots: int = 1) -> Scheduling:
    """A scheduler with instances i1, i2, ... of these capacities, which can let what they run give way."""
    scheduling = Scheduling(SchedulerPolicy(agent_slots=slots, preemption=PreemptionRules(min_run_s=1.0)))
    for n, capacity in enumerate(capacities, start=1):
        scheduling.register(f"i{n}", capacity=capacity, capabilities=ABLE)
    return scheduling


def asked(told: Told) -> list[str]:
    """The tasks that were asked to give way."""
    return [message.task_id for _, message in told.sent if isinstance(message, PreemptTask)]


def spared(told: Told) -> list[str]:
    """The tasks that are not to be forced any more."""
    return [message.task_id for _, message in told.sent if isinstance(message, SparePreemption)]


def test_one_that_was_spared_can_be_asked_anew() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("old", priority=1))
    scheduling.tell(submit("low"))
    scheduling.tell(submit("high", priority=2))
    assert spared(scheduling.settle("old")) == ["low"]
    assert asked(scheduling.tell(submit("higher", priority=3))) == ["low"]


def test_who_is_overtaken_in_its_place_goes_on_waiting_for_the_other_one() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("older"))
    scheduling.now += 1
    scheduling.tell(submit("newer"))
    assert asked(scheduling.tell(submit("first", priority=5))) == ["newer"]
    assert asked(scheduling.tell(submit("second", priority=5))) == ["older"]
    told = scheduling.give_way("older")
    assert told.bound == [("first", "i1")], "it comes first, whoever's place this was to be"
    assert not asked(told)
    assert not spared(told)
    assert scheduling.give_way("newer").bound == [("second", "i2")]


def test_nothing_gives_way_where_the_one_that_asks_has_failed_and_may_not_go() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("high", priority=1))
    scheduling.tell(submit("other"))
    scheduling.now += 1
    scheduling.give_back("high", delay_s=1.0)
    scheduling.tell(submit("newer"))
    assert scheduling.running() == {"other": "i2", "newer": "i1"}
    assert asked(scheduling.pass_time(1.0)) == ["other"], "i1 may not take it while i2 is up"
    assert scheduling.give_way("other").bound == [("high", "i2")]


def test_what_runs_where_it_has_failed_is_let_be_once_there_is_another_instance() -> None:
    scheduling = with_instances(2)
    scheduling.tell(submit("first", priority=1))
    scheduling.give_back("first", delay_s=1.0)
    scheduling.tell(submit("low1"))
    scheduling.tell(submit("low2"))
    assert asked(scheduling.tell(submit("second", priority=2))) == ["low2"]
    assert asked(scheduling.pass_time(1.0)) == ["low1"], "there is no other instance"
    told = scheduling.register("i2", capabilities=ABLE)
    assert told.bound == [("second", "i2")]
    assert sorted(spared(told)) == ["low1", "low2"]


def test_a_place_that_is_kept_is_no_slot() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("slot", agent="a"))
    scheduling.tell(submit("scope", agent="b", scope="r"))
    assert asked(scheduling.tell(submit("high", agent="a", scope="r", priority=1))) == ["scope"]
    assert asked(scheduling.give_way("scope")) == ["slot"], "it needs both"


def test_the_second_that_waits_for_a_slot_is_not_forgotten_when_the_first_takes_it() -> None:
    scheduling = with_instances(1, 1, slots=3)
    scheduling.register("u", "u", capacity=1, capabilities=ABLE)
    for n, model in enumerate(("u", "m", "m")):
        scheduling.now += 1
        scheduling.tell(submit(f"low{n}", agent="a", model=model))
    assert asked(scheduling.tell(submit("first", agent="a", priority=1))) == ["low2"]
    assert asked(scheduling.tell(submit("second", agent="a", priority=1))) == ["low1"]
    told = scheduling.give_way("low1")
    assert told.bound == [("first", "i1")]
    assert scheduling.state.tasks["second"].asks == "low2"


def test_each_of_those_that_waited_behind_one_looks_for_room_anew() -> None:
    scheduling = with_instances(2)
    scheduling.register("u", "u")
    scheduling.tell(submit("a", scope="r.a"))
    scheduling.tell(submit("b", scope="r.b"))
    scheduling.tell(submit("both", scope="r.x, r.y", model="u"))
    assert not asked(scheduling.tell(submit("high-a", scope="r.x, r.a", priority=1)))
    assert not asked(scheduling.tell(submit("high-b", scope="r.y, r.b", priority=1)))
    assert sorted(asked(scheduling.settle("both"))) == ["a", "b"]


def test_an_asker_that_ends_while_it_waits_leaves_its_victim_to_the_next() -> None:
    scheduling = with_instances(2)
    scheduling.tell(submit("low", agent="a"))
    assert asked(scheduling.tell(submit("high", agent="a", priority=1))) == ["low"]
    assert not asked(scheduling.tell(submit("next", agent="a", priority=1)))
    assert asked(scheduling.settle("high")) == ["low"]
    assert scheduling.state.tasks["next"].asks == "low"


def test_an_agent_that_starts_nothing_any_more_asks_nothing() -> None:
    scheduling = with_instances(1, slots=2)
    scheduling.register("other", "n")
    scheduling.tell(submit("busy", model="n", priority=9))
    scheduling.tell(submit("low", agent="a"))
    assert not asked(scheduling.tell(submit("high", agent="a", model="n", priority=1)))
    assert not asked(scheduling.tell(ShutdownAgent("a", 30.0))), "what it runs may finish"


def test_when_an_agent_closes_what_was_to_give_way_to_it_is_let_be() -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("low"))
    assert asked(scheduling.tell(submit("high", agent="a", priority=1))) == ["low"]
    assert spared(scheduling.tell(ShutdownAgent("a", 30.0))) == ["low"]


def test_one_whose_task_found_workers_of_its_own_is_let_be() -> None:
    scheduling = with_instances(1, slots=2)
    scheduling.register("other", "n", capabilities=ABLE)
    scheduling.tell(submit("low"))
    scheduling.tell(submit("low-n", model="n"))
    assert asked(scheduling.tell(submit("high", agent="a", priority=2))) == ["low"]
    assert asked(scheduling.tell(submit("high-n", agent="a", model="n", priority=1))) == ["low-n"]
    told = scheduling.tell(AttachWorker("w", "w1", "a", 1, "process-1"))
    assert told.bound == [("high", "w")]
    assert sorted(spared(told)) == ["low", "low-n"], "the other waits for the worker too"


def test_an_instance_registered_anew_without_the_capability_is_not_waited_for() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("older"))
    scheduling.now += 1
    scheduling.tell(submit("newer"))
    assert asked(scheduling.tell(submit("high", priority=1))) == ["newer"]
    told = scheduling.register("i2")
    assert (spared(told), asked(told)) == (["newer"], ["older"])


def test_one_that_was_asked_for_by_name_is_not_spared_with_the_other_that_asked() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("old", priority=1))
    scheduling.tell(submit("low", agent="a"))
    assert asked(scheduling.tell(submit("high", priority=2))) == ["low"]
    scheduling.tell(RequestPreemption("a", "low", "because"))
    told = scheduling.settle("old")
    assert told.bound == [("high", "i1")]
    assert not spared(told)


@pytest.mark.parametrize("scope", ["", "r"])
def test_after_a_restart_who_had_not_asked_yet_does(scope: str) -> None:
    scheduling = with_instances(2)
    scheduling.tell(submit("low", agent="a", scope=scope))
    waiting = submit("high", agent="a", priority=1, scope=scope)
    decision = scheduling.behaviour.decide(scheduling.state, Received(waiting, "id"), scheduling.now)
    for event in decision.events:
        scheduling.behaviour.evolve(scheduling.state, event)
    assert asked(scheduling.tell(Resumed())) == ["low"]


def test_one_that_nobody_could_run_at_the_moment_asks_for_no_slot() -> None:
    scheduling = with_instances(1)
    scheduling.register("other", "n")
    scheduling.tell(submit("low", agent="a"))
    scheduling.tell(submit("busy", model="n"))
    assert asked(scheduling.tell(submit("high", agent="a", model="n", priority=1))) == ["low"]
    assert spared(scheduling.down("other")) == ["low"]
    assert asked(scheduling.up("other")) == ["low"]


def test_an_asker_that_ends_while_it_waits_for_a_scope_leaves_its_victim_to_the_next() -> None:
    scheduling = with_instances(2)
    scheduling.tell(submit("low", scope="r"))
    assert asked(scheduling.tell(submit("high-a", scope="r.a", priority=1))) == ["low"]
    assert not asked(scheduling.tell(submit("high-b", scope="r.b", priority=1)))
    assert asked(scheduling.settle("high-a")) == ["low"]
    assert scheduling.state.tasks["high-b"].asks == "low"


def test_one_that_waits_behind_an_asker_for_its_scope_asks_the_same_victim_when_that_ends() -> None:
    scheduling = with_instances(2)
    scheduling.tell(submit("low", scope="r"))
    assert asked(scheduling.tell(submit("high-a", scope="r", priority=1))) == ["low"]
    assert not asked(scheduling.tell(submit("high-b", scope="r", priority=1)))
    assert asked(scheduling.settle("high-a")) == ["low"]
    assert scheduling.state.tasks["high-b"].asks == "low"
