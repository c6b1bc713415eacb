"""Agents that are shut down and open again, and what they hear of who could run their tasks."""

from __future__ import annotations

import pytest

from actors import addresses
from actors.messages import Message
from actors.messages.agent import BeginShutdown, ExpectTask, ReopenAgent, ResourcesChanged
from actors.messages.answers import AgentResources, AgentsListed, Refused, ShutdownAnswered, WorkerOfAgent
from actors.messages.dispatcher import TellWorkerToLeave
from actors.messages.runtime import Resumed
from actors.messages.scheduler import AttachWorker, DetachWorker, ListAgents, ShutdownAgent
from actors.scheduler import SchedulerPolicy
from actors.scheduler.events import AgentClosed, AgentReopened
from tests.unit.scheduling import Scheduling, Told, submit

LEAVE = "agent a is being shut down"


def attach(scheduling: Scheduling, worker: str = "w", process: str = "p1", agent: str = "a") -> Told:
    return scheduling.tell(AttachWorker(f"ti-{worker}", worker, agent, 1, process))


def heard(told: Told, agent: str = "a") -> list[Message]:
    """What the agent is told of its resources."""
    to = addresses.agent(agent)
    return [m for address, m in told.sent if address == to and isinstance(m, ResourcesChanged)]


def told_to_leave(told: Told) -> list[tuple[str, int]]:
    return [(to.key, m.grace_ms) for to, m in told.sent if isinstance(m, TellWorkerToLeave)]


def test_a_shutdown_is_recorded_and_told_to_the_agent_and_its_workers() -> None:
    scheduling = Scheduling()
    attach(scheduling)
    attach(scheduling, "b", agent="b")
    told = scheduling.tell(ShutdownAgent("a", 2.5))
    assert told.answer == ShutdownAnswered(ok=True)
    assert told.events == [AgentClosed("a", 2.5, 1002.5, ("p1",))]
    assert told.sent == [
        (addresses.agent("a"), BeginShutdown(2.5)),
        (addresses.dispatcher("ti-w"), TellWorkerToLeave(LEAVE, 2500)),
    ]


def test_a_shutdown_that_is_asked_for_again_becomes_shorter_at_most() -> None:
    scheduling = Scheduling()
    scheduling.tell(ShutdownAgent("a", 30.0))
    again = scheduling.tell(ShutdownAgent("a", 60.0))
    assert (again.answer, again.events, again.sent) == (ShutdownAnswered(ok=True), [], [])
    assert scheduling.tell(ShutdownAgent("a", 5.0)).events == [AgentClosed("a", 5.0, 1005.0)]


@pytest.mark.parametrize("by", ["replayed", "copy"])
def test_a_worker_that_attaches_opens_the_agent_and_what_waited_runs(by: str) -> None:
    scheduling = Scheduling()
    attach(scheduling)
    for task in ("t1", "t2"):
        scheduling.tell(submit(task, agent="a", origin="grpc", scope="r" if task == "t2" else ""))
    scheduling.tell(ShutdownAgent("a", 30.0))
    scheduling.tell(DetachWorker("w"))
    assert scheduling.settle("t1").bound == []
    again = getattr(scheduling, by)()
    told = attach(again, "v", "p2")
    assert told.of(AgentReopened) == [AgentReopened("a")]
    assert told.bound == [("t2", "ti-v")]
    kinds = [type(message) for to, message in told.sent if to == addresses.agent("a")]
    assert kinds.index(ReopenAgent) < len(kinds) - 1, "it hears of it before it gets the task"
    assert not isinstance(again.tell(submit("t3", agent="a")).answer, Refused)


@pytest.mark.parametrize("by", ["replayed", "copy"])
def test_a_worker_that_was_told_to_leave_and_connects_again_opens_nothing(by: str) -> None:
    scheduling = Scheduling()
    attach(scheduling)
    scheduling.tell(submit("t1", agent="a"))
    scheduling.tell(submit("t2", agent="a"))
    scheduling.tell(ShutdownAgent("a", 30.0))
    scheduling.now += 10
    again = getattr(scheduling, by)()
    for _ in range(2):
        told = attach(again)
        assert not told.of(AgentReopened)
        assert told_to_leave(told) == [("ti-w", 20_000)]
        assert told.bound == []
        again.tell(DetachWorker("w"))
    assert isinstance(again.tell(submit("t3", agent="a")).answer, Refused)
    assert attach(again, process="p2").of(AgentReopened), "another process under the same name"


def test_workers_are_told_to_leave_again_after_a_restart() -> None:
    scheduling = Scheduling()
    attach(scheduling)
    attach(scheduling, "b", agent="b")
    scheduling.tell(ShutdownAgent("a", 30.0))
    scheduling.now += 40
    assert told_to_leave(scheduling.tell(Resumed())) == [("ti-w", 0)]


def test_an_agent_hears_of_its_workers_coming_and_going() -> None:
    scheduling = Scheduling()
    assert heard(attach(scheduling)) == [ResourcesChanged(1, 1, True)]
    assert heard(attach(scheduling, "v", "p2")) == [ResourcesChanged(2, 2, True)]
    assert heard(scheduling.down("ti-w")) == [ResourcesChanged(2, 1, True)]
    assert heard(scheduling.down("ti-v")) == [ResourcesChanged(2, 0, False)]
    assert heard(scheduling.up("ti-v")) == [ResourcesChanged(2, 1, True)]
    assert heard(scheduling.tell(DetachWorker("v"))) == [ResourcesChanged(1, 0, False)]
    moved = attach(scheduling, "w", "p1", agent="b")
    assert heard(moved, "b") == [ResourcesChanged(1, 1, True)]
    assert heard(moved) == [ResourcesChanged(0, 0, False)]


def test_an_agent_without_workers_hears_of_instances_for_what_waits() -> None:
    scheduling = Scheduling()
    told = scheduling.tell(submit("t1", agent="a", origin="grpc"))
    assert [m.is_served for _, m in told.sent if isinstance(m, ExpectTask)] == [False]
    scheduling.tell(submit("t2", agent="b", model="other", origin="grpc"))
    came = scheduling.register("i1")
    assert heard(came) == [ResourcesChanged(0, 0, True)]
    assert heard(came, "b") == []
    assert heard(scheduling.register("i2")) == [], "that one more is there changes nothing"
    scheduling.tell(submit("t3", agent="a"))
    scheduling.down("i1")
    assert heard(scheduling.down("i2")) == [ResourcesChanged(0, 0, False)]


def test_agents_are_listed_in_order_and_in_pages() -> None:
    scheduling = Scheduling(SchedulerPolicy(agent_slots=2, slots_of={"b": 3}))
    scheduling.register("i1")
    scheduling.tell(submit("t1", agent="c"))
    scheduling.tell(submit("t2"))
    attach(scheduling)
    scheduling.tell(submit("t3", agent="a"))
    scheduling.tell(ShutdownAgent("b", 1.0))
    a = AgentResources("a", 2, False, (WorkerOfAgent("w", "ti-w", "up", 1, 1),))
    b, c = AgentResources("b", 3, True, ()), AgentResources("c", 2, False, ())
    assert scheduling.tell(ListAgents()).answer == AgentsListed((a, b, c))
    assert scheduling.tell(ListAgents(limit=2)).answer == AgentsListed((a, b), more=True)
    assert scheduling.tell(ListAgents(after="b", limit=2)).answer == AgentsListed((c,))
    assert scheduling.tell(ListAgents("nobody")).answer == AgentsListed((AgentResources("nobody", 2, False, ()),))


def test_a_task_that_moves_to_other_instances_does_not_go_before_a_better_one_of_its_agent() -> None:
    scheduling = Scheduling()
    for name, model in (("i1", "x"), ("i2", "y"), ("i3", "a")):
        scheduling.register(name, model)
        scheduling.tell(submit(f"busy {name}", model=model))
    scheduling.tell(submit("first", agent="a", model="x"))
    scheduling.tell(submit("second", agent="a", model="y"))
    scheduling.tell(submit("third", agent="a", model="x", origin="grpc"))
    scheduling.remove("i1")
    assert scheduling.settle("busy i3").runs == [], "it would take the slot of the second"
    assert scheduling.settle("busy i2").runs == ["second"]
    assert scheduling.settle("second").runs == ["third"]


def test_an_agent_of_which_another_task_can_run_is_served_whatever_is_submitted_next() -> None:
    scheduling = Scheduling()
    scheduling.register("i1", "x")
    scheduling.tell(submit("busy", model="x"))
    for task_id, model in (("waits", "x"), ("nobody's", "y")):
        told = scheduling.tell(submit(task_id, agent="a", model=model, origin="grpc"))
        assert [m.is_served for _, m in told.sent if isinstance(m, ExpectTask)] == [True]
    scheduling.settle("busy")
    told = scheduling.tell(submit("nobody's either", agent="a", model="y", origin="grpc"))
    assert [m.is_served for _, m in told.sent if isinstance(m, ExpectTask)] == [False], "what runs waits no more"
