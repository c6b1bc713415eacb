"""Workers attach, come again, leave, and are forgotten when they stay away; tasks of their agent go to them first."""

from __future__ import annotations

import pytest

from actors import addresses
from actors.behaviour import Reply, Send
from actors.messages.agent import ResourcesChanged
from actors.messages.answers import InstanceRemoval, WorkerAttached
from actors.messages.dispatcher import AttendInstance, ReleaseInstance
from actors.messages.scheduler import AttachWorker, DetachWorker, RemoveInstance, ShutdownAgent
from actors.scheduler import SchedulerPolicy
from actors.scheduler.events import InstanceRegistered, InstanceRemoved
from actors.scheduler.registry import ABSENCE_S
from tests.unit.scheduling import Scheduling, Told, submit


def attach(
    scheduling: Scheduling, ti_uuid: str, name: str = "w", agent: str = "a", capacity: int = 1, incarnation: str = "i"
) -> Told:
    return scheduling.tell(AttachWorker(ti_uuid, name, agent, capacity, incarnation))


def test_a_worker_is_recorded_answered_and_handed_to_a_dispatcher() -> None:
    scheduling = Scheduling(SchedulerPolicy(agent_slots=2, slots_of={"a": 3}))
    told = attach(scheduling, "ti", capacity=5)
    assert told.events == [InstanceRegistered("ti", "w", 0, "agent:a", 5, "worker", ("cancel", "preempt"), "i")]
    assert told.effects == [
        Reply(WorkerAttached("ti", "a", 3)),
        Send(
            addresses.dispatcher("ti"), AttendInstance("ti", "w", 0, "agent:a", 5, "worker", ("cancel", "preempt"), "i")
        ),
        Send(addresses.agent("a"), ResourcesChanged(1, 1, served=True)),
    ]
    assert attach(scheduling, "other", "v", "b").answer == WorkerAttached("other", "b", 2)


def test_a_task_of_the_agent_runs_on_its_worker_before_any_instance_of_its_model() -> None:
    scheduling = Scheduling()
    scheduling.register("instance")
    attach(scheduling, "ti")
    assert scheduling.tell(submit("t1", agent="a")).bound == [("t1", "ti")]
    assert scheduling.tell(submit("t2", agent="b")).bound == [("t2", "instance")]
    assert scheduling.tell(submit("t3", agent="a", origin="grpc")).bound == []
    assert scheduling.settle("t1").bound == [("t3", "ti")]


def test_what_waits_for_an_agent_runs_when_a_worker_attaches() -> None:
    scheduling = Scheduling()
    scheduling.tell(submit("t1", agent="a", origin="grpc"))
    assert attach(scheduling, "ti").bound == [("t1", "ti")]


def test_the_same_worker_keeps_its_id_and_gets_the_new_capacity() -> None:
    scheduling = Scheduling(SchedulerPolicy(agent_slots=10))
    attach(scheduling, "ti")
    for n in range(3):
        scheduling.tell(submit(f"t{n}", agent="a"))
    told = attach(scheduling, "new", capacity=2)
    assert told.answer == WorkerAttached("ti", "a", 10)
    assert told.bound == [("t1", "ti")]
    assert list(scheduling.queues()) == ["ti"]


def test_a_worker_that_comes_as_another_agent_leaves_the_first() -> None:
    scheduling = Scheduling()
    attach(scheduling, "ti", agent="a")
    attach(scheduling, "new", agent="b")
    assert scheduling.tell(submit("t1", agent="b", origin="grpc")).bound == [("t1", "ti")]
    assert scheduling.tell(submit("t2", agent="a", origin="grpc")).bound == []


def test_a_detached_worker_finishes_what_it_runs_and_gets_nothing_more() -> None:
    scheduling = Scheduling(SchedulerPolicy(agent_slots=10))
    attach(scheduling, "ti", capacity=2)
    scheduling.tell(submit("t1", agent="a"))
    assert scheduling.tell(DetachWorker("w")).answer == InstanceRemoval("ti")
    assert scheduling.tell(submit("t2", agent="a", origin="grpc")).bound == []
    ended = scheduling.settle("t1")
    assert ended.of(InstanceRemoved) == [InstanceRemoved("ti")]
    assert ended.sent == [(addresses.dispatcher("ti"), ReleaseInstance())]
    assert scheduling.tell(DetachWorker("w")).answer == InstanceRemoval(None)
    assert attach(scheduling, "next").bound == [("t2", "next")]


def test_a_worker_on_its_way_out_that_comes_again_is_another() -> None:
    scheduling = Scheduling(SchedulerPolicy(agent_slots=10))
    attach(scheduling, "ti")
    scheduling.tell(submit("t1", agent="a"))
    scheduling.tell(DetachWorker("w"))
    assert attach(scheduling, "new").answer == WorkerAttached("new", "a", 10)
    assert scheduling.tell(submit("t2", agent="a")).bound == [("t2", "new")]
    assert scheduling.settle("t1").of(InstanceRemoved) == [InstanceRemoved("ti")]


def test_workers_and_instances_are_told_apart_however_they_are_called() -> None:
    scheduling = Scheduling()
    scheduling.register("instance")
    host = scheduling.state.instances["instance"].host
    attach(scheduling, "ti", host)
    assert set(scheduling.queues()) == {"instance", "ti"}
    assert scheduling.tell(RemoveInstance(host, 1)).answer == InstanceRemoval(None)
    assert scheduling.tell(DetachWorker(host)).answer == InstanceRemoval("ti")
    assert list(scheduling.queues()) == ["instance"]


def test_nothing_is_left_of_agents_and_models_that_came_and_went() -> None:
    scheduling = Scheduling()
    for n in range(3):
        scheduling.tell(submit(f"t{n}", agent=f"a{n}", model=f"m{n}", origin="grpc"))
        attach(scheduling, f"ti{n}", f"w{n}", f"a{n}")
        scheduling.tell(DetachWorker(f"w{n}"))
        scheduling.settle(f"t{n}")
    scheduling.register("instance", "old")
    scheduling.register("instance", "new")
    scheduling.remove("instance")
    scheduling.tell(ShutdownAgent("z", 0.0))
    attach(scheduling, "ti", "w", "z")
    scheduling.tell(DetachWorker("w"))
    assert (scheduling.state.pools, scheduling.state.agents) == ({}, {})


@pytest.mark.parametrize("by", ["replayed", "copy"])
def test_a_worker_that_stays_away_is_forgotten_also_after_a_restart(by: str) -> None:
    scheduling = Scheduling()
    scheduling.register("instance")
    attach(scheduling, "ti")
    scheduling.down("ti")
    again = getattr(scheduling, by)()
    assert not again.pass_time(ABSENCE_S - 1).events
    told = again.pass_time(1)
    assert told.of(InstanceRemoved) == [InstanceRemoved("ti")]
    assert told.sent[0] == (addresses.dispatcher("ti"), ReleaseInstance())
    assert told.sent[1:] == [(addresses.agent("a"), ResourcesChanged(0, 0, served=False))]
    assert not [effect for effect in told.effects if isinstance(effect, Reply)]
    assert again.tell(submit("t1", agent="a")).bound == [("t1", "instance")]


@pytest.mark.parametrize("comes_back", [lambda s: s.up("ti"), lambda s: attach(s, "ti")])
def test_a_worker_that_comes_back_is_not_forgotten(comes_back: object) -> None:
    scheduling = Scheduling()
    attach(scheduling, "ti")
    scheduling.down("ti")
    comes_back(scheduling)  # type: ignore[operator]
    assert scheduling.behaviour.next_due(scheduling.state) is None
    assert not scheduling.pass_time(2 * ABSENCE_S).events


def test_an_instance_that_stays_away_is_kept() -> None:
    scheduling = Scheduling()
    scheduling.register("instance")
    scheduling.down("instance")
    assert scheduling.behaviour.next_due(scheduling.state) is None
