"""Admission: a new task is queued and stored once; a repeat hears the same; the rest hear why not."""

from __future__ import annotations

from actors import addresses
from actors.behaviour import Keep, Recalled, Reply
from actors.messages.agent import ExpectTask, RunTask
from actors.messages.answers import Refused, ShutdownAnswered, TaskAccepted
from actors.messages.scheduler import RequestPreemption, ShutdownAgent
from actors.messages.tasks import TaskSpec
from actors.scheduler.events import AgentClosed, TaskBound, TaskQueued
from tests.unit.scheduling import Scheduling, submit


def reason(scheduling: Scheduling, task_id: str, agent: str = "", model: str = "m") -> str:
    """Why the task is said to wait, as a repeated submit over gRPC hears it."""
    answer = scheduling.tell(submit(task_id, agent=agent, model=model, origin="grpc")).answer
    assert isinstance(answer, TaskAccepted)
    return answer.reason


def test_a_task_that_an_instance_can_start_is_stored_queued_answered_and_started() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    message = submit("t1")
    told = scheduling.tell(message)
    queued = TaskQueued(message.spec, ("model:m",), "i1", admitted_at=1000.0, key=1000.0)
    assert told.events == [queued, TaskBound("t1", "model:m", "i1", 1, 1000.0)]
    keep, reply, run = told.effects
    assert keep == Keep("t1", "input", b"{}")
    assert reply == Reply(TaskAccepted("t1", "i1", ""))
    assert told.sent == [(addresses.agent("model:m"), RunTask(message.spec, 1, "i1"))]
    assert run.message == RunTask(message.spec, 1, "i1")  # type: ignore[union-attr]


def test_an_agent_that_a_client_named_hears_of_its_task_before_it_runs() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    spec: TaskSpec = submit("t1", agent="a").spec
    told = scheduling.tell(submit("t1", agent="a"))
    assert told.sent == [(addresses.agent("a"), ExpectTask(spec)), (addresses.agent("a"), RunTask(spec, 1, "i1"))]


def test_without_instances_a_task_that_does_not_wait_is_refused_and_leaves_no_trace() -> None:
    scheduling = Scheduling()
    scheduling.register("other", model="n")
    before = scheduling.dumped()
    told = scheduling.tell(submit("t1", model="gpt-4"))
    assert told.effects == [Reply(Refused("no_instances", "No TaskInstances configured for model gpt-4"))]
    assert not told.events
    assert scheduling.dumped() == before


def test_a_model_whose_only_instance_is_draining_has_none() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1"))
    scheduling.remove("i1")
    assert isinstance(scheduling.tell(submit("t2")).answer, Refused)


def test_a_model_whose_only_instance_is_down_has_one_to_wait_for() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.down("i1")
    silent = "waiting for a TaskInstance or worker that serves model 'm' to answer again"
    assert scheduling.tell(submit("t1")).answer == TaskAccepted("t1", "i1", silent)


def test_over_grpc_a_task_waits_for_instances_and_its_reason_names_who_could_run_it() -> None:
    scheduling = Scheduling()
    told = scheduling.tell(submit("t1", agent="a", model="m", origin="grpc"))
    assert told.answer == TaskAccepted(
        "t1", "", "waiting for a TaskInstance or worker that serves agent 'a' or model 'm' or model 'a'"
    )
    assert [type(event) for event in told.events] == [TaskQueued]


def test_the_reason_follows_what_is_missing() -> None:
    scheduling = Scheduling()
    scheduling.tell(submit("t1", agent="a", origin="grpc"))
    assert reason(scheduling, "t1", "a").startswith("waiting for a TaskInstance or worker")
    scheduling.register("i1")
    assert scheduling.running() == {"t1": "i1"}
    assert reason(scheduling, "t1", "a") == ""
    scheduling.tell(submit("t2", agent="a", origin="grpc"))
    assert reason(scheduling, "t2", "a") == "waiting for a slot: agent a is at its limit of 1 running"
    scheduling.tell(submit("t3", agent="b", origin="grpc"))
    assert reason(scheduling, "t3", "b") == "waiting for a free TaskInstance"
    scheduling.down("i1")
    silent = "waiting for a TaskInstance or worker that serves model 'm' to answer again"
    assert reason(scheduling, "t2", "a") == reason(scheduling, "t3", "b") == silent


def test_an_agent_is_at_its_limit_only_while_it_runs_so_many() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("other"))
    assert scheduling.tell(submit("t1", agent="a")).answer == TaskAccepted(
        "t1", "i1", "waiting for a free TaskInstance"
    )
    behind = "waiting behind task {} of agent a, which runs at most 1 at once"
    assert scheduling.tell(submit("t2", agent="a")).answer == TaskAccepted("t2", "i1", behind.format("t1"))
    first = scheduling.tell(submit("t3", agent="a", priority=5)).answer
    assert first == TaskAccepted("t3", "i1", "waiting for a free TaskInstance")
    assert reason(scheduling, "t3", "a") == "waiting for a free TaskInstance"
    assert reason(scheduling, "t1", "a") == reason(scheduling, "t2", "a") == behind.format("t3")
    scheduling.settle("other")
    assert reason(scheduling, "t1", "a") == "waiting for a slot: agent a is at its limit of 1 running"


def test_a_task_admitted_before_its_instance_came_no_longer_waits_for_one() -> None:
    scheduling = Scheduling()
    for name in ("t1", "t2"):
        scheduling.tell(submit(name, agent=name, origin="grpc"))
    scheduling.register("i1")
    assert reason(scheduling, "t2", "t2") == "waiting for a free TaskInstance"


def test_a_repeat_is_answered_as_the_first_time_and_changes_nothing() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    first = scheduling.tell(submit("t1"))
    again = scheduling.tell(submit("t1"))
    assert again.effects == [Reply(first.answer)]
    assert not again.events


def test_an_id_used_again_with_other_content_is_a_conflict() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1"))
    told = scheduling.tell(submit("t1", digest="other"))
    assert told.effects == [Reply(Refused("conflict", "task_id t1 was submitted before with other content"))]
    assert not told.events


def test_a_repeat_of_a_task_that_has_ended_is_known_from_the_store() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1"))
    scheduling.settle("t1")
    recalled = Recalled("content", "i1")
    told = scheduling.tell(submit("t1"), recalled=recalled)
    assert told.effects == [Reply(TaskAccepted("t1", "i1", ""))]
    refused = scheduling.tell(submit("t1", digest="other"), recalled=recalled)
    assert isinstance(refused.answer, Refused)
    assert refused.answer.code == "conflict"
    assert not [*told.events, *refused.events]


def test_a_repeat_is_recognised_also_where_a_new_task_would_be_refused() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("t1", agent="a"))
    scheduling.tell(ShutdownAgent("a", 30.0))
    assert scheduling.tell(submit("t1", agent="a")).answer == TaskAccepted("t1", "i1", "")


def test_the_store_is_asked_only_about_ids_that_it_may_know() -> None:
    recall = Scheduling().behaviour.recall
    assert recall(submit("t1")) == "t1"
    assert recall(submit("t1", fresh=True)) is None
    assert recall(RequestPreemption("a", "t1")) is None


def test_a_closed_agent_takes_no_new_tasks_and_starts_none() -> None:
    scheduling = Scheduling()
    scheduling.register("i1", capacity=3)
    scheduling.tell(submit("t1", agent="a"))
    scheduling.tell(submit("t2", agent="a"))
    told = scheduling.tell(ShutdownAgent("a", 30.0))
    assert told.events == [AgentClosed("a", 30.0, 1030.0)]
    assert told.answer == ShutdownAnswered(ok=True)
    refused = scheduling.tell(submit("t3", agent="a")).answer
    assert refused == Refused("shutting_down", "agent a is shutting down and takes no new tasks")
    assert not scheduling.settle("t1").runs
    assert scheduling.tell(submit("t4", agent="b")).runs == ["t4"]
