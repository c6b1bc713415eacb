"""Instances come, go, fail and recover; tasks are tried again, elsewhere and later."""

from __future__ import annotations

import pytest

from actors import addresses
from actors.behaviour import Received, Reply, Send
from actors.messages.answers import InstanceAccepted, InstanceRemoval
from actors.messages.dispatcher import AttendInstance, ReleaseInstance
from actors.messages.runtime import Resumed
from actors.messages.scheduler import (
    RegisterInstance,
    RemoveInstance,
    ReturnTask,
    SchedulerMessage,
    SetStrategy,
    SubmitTask,
)
from actors.scheduler.events import (
    InstanceDrainBegan,
    InstanceMarkedDown,
    InstanceMarkedUp,
    InstanceRegistered,
    InstanceRemoved,
    TaskMoved,
    TaskReadied,
    TaskRequeued,
)
from tests.unit.scheduling import Scheduling, port_of, submit


def two_instances(capacity: int = 1) -> Scheduling:
    """A scheduler with the instances `i1` and `i2`."""
    scheduling = Scheduling()
    for name in ("i1", "i2"):
        scheduling.register(name, capacity=capacity)
    return scheduling


def _received(message: SubmitTask) -> Received[SchedulerMessage]:
    return Received(message, "id")


def release(ti_uuid: str) -> tuple[addresses.Address, ReleaseInstance]:
    return addresses.dispatcher(ti_uuid), ReleaseInstance()


def test_a_registration_is_recorded_answered_and_handed_to_a_dispatcher() -> None:
    told = Scheduling().register("i1", capacity=2)
    port = port_of("i1")
    assert told.events == [InstanceRegistered("i1", "host", port, "m", 2, "submit", ())]
    assert told.effects == [
        Reply(InstanceAccepted("i1", "m")),
        Send(addresses.dispatcher("i1"), AttendInstance("i1", "host", port, "m", 2, "submit")),
    ]


def test_an_instance_at_a_known_address_keeps_its_id_and_gets_the_new_data() -> None:
    scheduling = two_instances()
    scheduling.tell(submit("t1"))
    told = scheduling.register("new", model="n", capacity=5, port=port_of("i1"))
    assert told.answer == InstanceAccepted("i1", "n")
    assert list(scheduling.queues("n")) == ["i1"]
    assert scheduling.queues("n")["i1"].running == 1
    assert list(scheduling.queues("m")) == ["i2"]


def test_one_instance_under_two_spellings_of_its_host_is_one() -> None:
    scheduling = Scheduling()
    scheduling.tell(RegisterInstance("first", "localhost", 8100, "m"))
    told = scheduling.tell(RegisterInstance("second", "127.0.0.1", 8100, "m"))
    assert told.answer == InstanceAccepted("first", "m")
    assert list(scheduling.queues("m")) == ["first"]
    assert scheduling.tell(RemoveInstance("LocalHost", 8100)).answer == InstanceRemoval("first")


def test_an_instance_that_was_down_and_registers_again_is_up() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.down("i1")
    scheduling.tell(submit("t1"))
    assert scheduling.register("i1").bound == [("t1", "i1")]


def test_an_instance_that_is_down_gets_nothing_and_what_it_would_have_got_runs_elsewhere() -> None:
    scheduling = two_instances()
    assert scheduling.down("i1").events == [InstanceMarkedDown("i1", "no answer")]
    assert not scheduling.down("i1").events
    assert [scheduling.tell(submit(f"t{n}")).bound for n in range(2)] == [[("t0", "i2")], []]
    assert scheduling.settle("t0").bound == [("t1", "i2")]


def test_an_instance_that_is_up_again_takes_what_waits() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.down("i1")
    scheduling.tell(submit("t1"))
    told = scheduling.up("i1")
    assert told.events[0] == InstanceMarkedUp("i1")
    assert told.bound == [("t1", "i1")]
    assert not scheduling.up("i1").events
    assert not scheduling.up("stranger").events
    assert not scheduling.down("stranger").events


def test_a_removed_instance_that_runs_nothing_goes_at_once() -> None:
    scheduling = two_instances()
    told = scheduling.remove("i1")
    assert told.events == [InstanceDrainBegan("i1"), InstanceRemoved("i1")]
    assert told.answer == InstanceRemoval("i1")
    assert told.sent == [release("i1")]
    assert list(scheduling.queues()) == ["i2"]


def test_nobody_is_removed_where_nobody_is_registered() -> None:
    told = two_instances().tell(RemoveInstance("host", 1))
    assert told.effects == [Reply(InstanceRemoval(None))]
    assert not told.events


def test_a_removed_instance_finishes_what_it_runs_and_what_waits_for_it_goes_to_others() -> None:
    scheduling = two_instances()
    for n in range(6):
        scheduling.tell(submit(f"t{n}"))
    meant = [task_id for task_id in ("t2", "t3", "t4", "t5") if scheduling.tentative(task_id) == "i1"]
    told = scheduling.remove("i1")
    assert told.events == [InstanceDrainBegan("i1"), *(TaskMoved(task_id, "i2") for task_id in meant)]
    assert not told.sent
    assert scheduling.queues()["i2"].waiting == 4
    last = scheduling.settle("t0")
    assert last.of(InstanceRemoved) == [InstanceRemoved("i1")]
    assert last.sent == [release("i1")]
    assert not last.bound
    assert scheduling.settle("t1").bound == [("t2", "i2")]


def test_an_instance_on_its_way_out_gets_nothing_more_however_many_places_it_has() -> None:
    scheduling = Scheduling()
    scheduling.register("i1", capacity=3)
    scheduling.tell(submit("t1"))
    scheduling.remove("i1")
    scheduling.register("i2")
    assert [scheduling.tell(submit(f"t{n}")).bound for n in (2, 3)] == [[("t2", "i2")], []]
    assert scheduling.settle("t2").bound == [("t3", "i2")]


def test_an_instance_on_its_way_out_is_no_longer_at_its_address() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1"))
    scheduling.remove("i1")
    assert scheduling.tell(RemoveInstance("host", port_of("i1"))).answer == InstanceRemoval(None)
    assert scheduling.register("new", port=port_of("i1")).answer == InstanceAccepted("new", "m")
    assert scheduling.settle("t1").of(InstanceRemoved) == [InstanceRemoved("i1")]
    assert list(scheduling.state.instances) == ["new"]


def test_a_task_that_comes_back_from_an_instance_on_its_way_out_lets_that_go_and_is_meant_for_another() -> None:
    scheduling = two_instances()
    scheduling.tell(submit("t1"))
    assert scheduling.running() == {"t1": "i1"}
    scheduling.remove("i1")
    told = scheduling.give_back("t1", delay_s=1.0)
    assert told.of(InstanceRemoved) == [InstanceRemoved("i1")]
    assert told.sent == [release("i1")]
    assert scheduling.tentative("t1") == "i2"
    assert scheduling.pass_time(1.0).bound == [("t1", "i2")]


def test_with_the_last_instance_gone_what_waits_is_kept_for_the_next() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    for n in range(2):
        scheduling.tell(submit(f"t{n}"))
    told = scheduling.remove("i1")
    assert told.of(TaskMoved) == [TaskMoved("t1", "")]
    scheduling.settle("t0")
    assert not scheduling.state.instances
    assert scheduling.register("i2").bound == [("t1", "i2")]


def test_the_first_instance_of_a_pool_takes_over_what_waited_for_one() -> None:
    """Over gRPC the agent's own id may stand for the model; a better pool wins as soon as it has an instance."""
    scheduling = Scheduling()
    for n in range(3):
        scheduling.tell(submit(f"t{n}", agent="worker", model="m", origin="grpc"))
    assert scheduling.register("own", model="worker").bound == [("t0", "own")]
    assert scheduling.settle("t0").bound == [("t1", "own")]
    assert scheduling.register("better", model="m").bound == []
    assert scheduling.settle("t1").bound == [("t2", "better")]


def test_what_loses_its_last_instance_runs_where_the_next_pool_has_a_place_free() -> None:
    scheduling = Scheduling()
    scheduling.register("preferred", model="m")
    scheduling.register("fallback", model="worker")
    scheduling.tell(submit("busy"))
    scheduling.tell(submit("t1", agent="worker", model="m", origin="grpc"))
    assert scheduling.tentative("t1") == "preferred"
    assert scheduling.remove("preferred").bound == [("t1", "fallback")]


def test_what_loses_its_last_instance_to_another_model_runs_in_the_next_pool() -> None:
    scheduling = Scheduling()
    scheduling.register("preferred", model="m")
    scheduling.register("fallback", model="worker")
    scheduling.tell(submit("busy"))
    scheduling.tell(submit("t1", agent="worker", model="m", origin="grpc"))
    assert scheduling.register("new", model="z", port=port_of("preferred")).bound == [("t1", "fallback")]


def test_an_instance_of_another_model_now_gets_none_of_its_old_models_tasks() -> None:
    scheduling = two_instances()
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
    scheduling.register("new", model="n", capacity=9, port=port_of("i1"))
    assert scheduling.running() == {"t0": "i1", "t1": "i2"}
    assert {scheduling.tentative("t2"), scheduling.tentative("t3")} == {"i2"}
    assert scheduling.settle("t0").bound == []
    assert scheduling.settle("t1").bound == [("t2", "i2")]


def test_an_instance_has_no_line_of_tasks_that_another_pool_has_taken_over() -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy("round_robin"))
    scheduling.register("own", model="a")
    for n in range(3):
        scheduling.tell(submit(f"t{n}", agent="a", model="m", origin="grpc"))
    scheduling.tell(submit("of-a", model="a"))
    scheduling.register("better", model="m")
    assert sorted(scheduling.settle("t0").bound) == [("of-a", "own"), ("t1", "better")]


def test_a_task_that_comes_back_from_an_instance_of_another_model_now_is_meant_for_one_of_its_own() -> None:
    scheduling = two_instances()
    scheduling.tell(submit("t1"))
    scheduling.register("new", model="n", port=port_of("i1"))
    scheduling.give_back("t1", delay_s=1.0)
    assert scheduling.tentative("t1") == "i2"


def test_a_task_that_comes_back_keeps_its_place_in_the_line_and_counts_its_attempts() -> None:
    scheduling = two_instances()
    for n in range(5):
        scheduling.tell(submit(f"t{n}"))
    told = scheduling.give_back("t0")
    assert told.events[0] == TaskRequeued("t0", "model:m", 2, "i1", 1000.0, "refused")
    scheduling.pass_time(0.0)
    assert scheduling.state.tasks["t0"].attempt == 2
    assert scheduling.settle("t1").bound == [("t0", "i2")]


def test_a_task_that_comes_back_passes_nobody_more_important() -> None:
    scheduling = two_instances()
    for name, priority in [("t1", 0), ("t2", 0), ("urgent", 5)]:
        scheduling.tell(submit(name, priority=priority))
    scheduling.down("i1")
    scheduling.give_back("t1")
    scheduling.pass_time(0.0)
    assert scheduling.settle("t2").bound == [("urgent", "i2")]
    assert scheduling.settle("urgent").bound == [("t1", "i2")]


def test_a_task_that_comes_back_avoids_where_it_failed_while_another_is_up() -> None:
    scheduling = two_instances()
    scheduling.tell(submit("t1"))
    scheduling.tell(submit("t2"))
    assert scheduling.running() == {"t1": "i1", "t2": "i2"}
    scheduling.give_back("t1")
    assert not scheduling.pass_time(0.0).bound, "i1 is free, and t1 has failed there"
    assert scheduling.settle("t2").bound == [("t1", "i2")]


def test_a_task_that_waits_for_another_instance_keeps_nobody_else_from_the_free_one() -> None:
    scheduling = two_instances()
    for name in ("t1", "t2"):
        scheduling.tell(submit(name))
    scheduling.give_back("t1")
    scheduling.pass_time(0.0)
    assert scheduling.tell(submit("t3")).bound == [("t3", "i1")]
    assert scheduling.settle("t2").bound == [("t1", "i2")]


def test_a_task_that_failed_everywhere_else_or_whose_others_are_down_runs_where_it_failed() -> None:
    scheduling = two_instances()
    for name in ("t1", "t2"):
        scheduling.tell(submit(name))
    scheduling.give_back("t1")
    scheduling.pass_time(0.0)
    assert scheduling.down("i2").bound == [("t1", "i1")]
    scheduling.up("i2")
    scheduling.settle("t2")
    scheduling.give_back("t1")
    assert scheduling.pass_time(0.0).bound == [("t1", "i2")]
    scheduling.give_back("t1")
    assert [task_id for task_id, _ in scheduling.pass_time(0.0).bound] == ["t1"], "it has failed on both now"


def test_the_only_instance_gets_back_what_failed_there() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1"))
    scheduling.give_back("t1")
    assert scheduling.pass_time(0.0).bound == [("t1", "i1")]


def test_a_delay_holds_the_task_and_nothing_else() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    for name in ("t1", "t2"):
        scheduling.tell(submit(name))
    assert scheduling.give_back("t1", delay_s=2.0).bound == [("t2", "i1")]
    scheduling.settle("t2")
    assert scheduling.behaviour.next_due(scheduling.state) == 1002.0
    assert scheduling.pass_time(1.9).events == []
    told = scheduling.pass_time(0.1)
    assert told.of(TaskReadied) == [TaskReadied("t1")]
    assert told.bound == [("t1", "i1")]
    assert scheduling.behaviour.next_due(scheduling.state) is None


def test_a_delayed_task_holds_no_slot_of_its_agent() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    for name in ("t1", "t2"):
        scheduling.tell(submit(name, agent="a"))
    assert scheduling.give_back("t1", delay_s=5.0).runs == ["t2"]


def test_a_delayed_task_may_end_by_a_late_report() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1"))
    scheduling.give_back("t1", delay_s=5.0)
    scheduling.settle("t1", 12.0)
    assert not scheduling.state.tasks
    assert scheduling.behaviour.next_due(scheduling.state) is None
    assert scheduling.queues()["i1"].waiting == 0


def test_word_of_an_earlier_attempt_or_of_no_task_changes_nothing() -> None:
    scheduling = two_instances()
    scheduling.tell(submit("t1"))
    stale = ReturnTask("t1", 1, "i1", 0.0, "late")
    assert not scheduling.tell(stale).events
    scheduling.give_back("t1")
    assert not scheduling.tell(ReturnTask("t1", 2, "i1", 0.0, "twice")).events
    assert not scheduling.tell(ReturnTask("stranger", 2, "i1", 0.0, "")).events
    assert not scheduling.settle("stranger").events


def test_after_a_restart_every_pool_is_looked_at_again() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.register("i2", model="n")
    for name, model in (("t1", "m"), ("t2", "n")):
        message = submit(name, model=model)
        decision = scheduling.behaviour.decide(scheduling.state, _received(message), 1000.0)
        for event in decision.events:
            scheduling.behaviour.evolve(scheduling.state, event)  # and then the process dies
    assert scheduling.tell(Resumed()).bound == [("t1", "i1"), ("t2", "i2")]


def test_a_task_that_nothing_serves_keeps_no_slot_from_the_others_of_its_agent() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("lost", agent="a", model="nowhere", origin="grpc"))
    assert scheduling.tell(submit("t1", agent="a", model="m", origin="grpc")).bound == [("t1", "i1")]
    scheduling.tell(submit("t2", agent="a", model="m", origin="grpc"))
    assert scheduling.register("i2", model="nowhere").bound == [], "the agent's one slot is taken"
    assert scheduling.settle("t1").bound == [("lost", "i2")]
    assert scheduling.settle("lost").bound == [("t2", "i1")]


@pytest.mark.parametrize("is_down_first", [True, False])
def test_a_task_whose_instances_are_all_down_keeps_no_slot_from_the_others_of_its_agent(is_down_first: bool) -> None:
    scheduling = Scheduling()
    scheduling.register("i1", model="m")
    scheduling.register("i2", model="n")
    scheduling.tell(submit("busy", model="m"))
    if is_down_first:
        scheduling.down("i1")
    scheduling.tell(submit("first", agent="a", model="m", origin="grpc"))
    told = scheduling.tell(submit("second", agent="a", model="n", origin="grpc"))
    if not is_down_first:
        assert not told.bound
        told = scheduling.down("i1")
    assert told.bound == [("second", "i2")]
    scheduling.tell(submit("third", agent="a", model="n", origin="grpc"))
    scheduling.settle("busy")
    assert scheduling.up("i1").bound == [], "the agent's one slot is taken"
    assert scheduling.settle("second").bound == [("first", "i1")]
    assert scheduling.settle("first").bound == [("third", "i2")]


def test_when_the_last_instance_leaves_its_tasks_free_the_slot_for_another_pool() -> None:
    scheduling = Scheduling()
    scheduling.register("i1", model="m")
    scheduling.register("i2", model="n")
    scheduling.tell(submit("busy", model="m"))
    scheduling.tell(submit("first", agent="a", model="m", origin="grpc"))
    assert scheduling.tell(submit("second", agent="a", model="n", origin="grpc")).bound == []
    assert scheduling.remove("i1").bound == [("second", "i2")]


def test_tasks_that_waited_for_a_first_instance_are_counted_with_it() -> None:
    scheduling = Scheduling()
    for n in range(4):
        scheduling.tell(submit(f"t{n}", model="m", agent=f"a{n}", origin="grpc"))
    scheduling.register("i1", capacity=1)
    assert (scheduling.queues()["i1"].running, scheduling.queues()["i1"].waiting) == (1, 3)


def test_what_waited_for_a_removed_instance_is_spread_over_the_others() -> None:
    scheduling = Scheduling()
    for name in ("i1", "i2", "i3", "i4"):
        scheduling.register(name)
    for n in range(4 + 36):
        scheduling.tell(submit(f"t{n:02}"))
    scheduling.remove("i4")
    waiting = [queue.waiting for queue in scheduling.queues().values()]
    assert sum(waiting) == 36
    assert max(waiting) - min(waiting) <= 1, waiting
