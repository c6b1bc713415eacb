"""Scopes: tasks that touch the same run one after the other, in the order of the line, and hold up nobody else."""

from __future__ import annotations

import pytest

from actors.messages.answers import TaskAccepted, WaitExplained
from actors.messages.scheduler import ExplainWait, SetStrategy, ShutdownAgent, TaskSettled
from actors.task_lifecycle import TaskState
from tests.unit.scheduling import Scheduling, Told, submit


def with_places(capacity: int = 9) -> Scheduling:
    """A scheduler with an instance that has places for all."""
    scheduling = Scheduling()
    scheduling.register("i1", capacity=capacity)
    return scheduling


def send(
    scheduling: Scheduling, task_id: str, scope: str, priority: int = 0, agent: str = "", model: str = "m"
) -> Told:
    """A task with a scope; it waits where nothing serves it."""
    return scheduling.tell(submit(task_id, scope=scope, priority=priority, agent=agent, model=model, origin="grpc"))


def reason(scheduling: Scheduling, task_id: str) -> str:
    """What the task is said to wait for."""
    answer = scheduling.tell(ExplainWait(task_id)).answer
    assert isinstance(answer, WaitExplained)
    return answer.reason


@pytest.mark.parametrize(
    ("first", "second"), [("r", "r"), ("r", "r.a"), ("r.a.b", "r/a"), ("r.*.b", "r.a"), ("x, r", "r")]
)
def test_the_later_of_two_that_overlap_waits_and_starts_as_soon_as_the_first_has_ended(first: str, second: str) -> None:
    scheduling = with_places()
    assert send(scheduling, "t1", first).runs == ["t1"]
    assert send(scheduling, "t2", second).runs == []
    assert scheduling.settle("t1").runs == ["t2"]


def test_tasks_of_different_scopes_or_of_none_run_side_by_side() -> None:
    scheduling = with_places()
    for n, scope in enumerate(["r.a", "r.b", "", "", "s"]):
        assert send(scheduling, f"t{n}", scope).runs == [f"t{n}"]


def test_scopes_hold_across_agents_models_and_instances() -> None:
    scheduling = with_places()
    scheduling.register("i2", model="n")
    send(scheduling, "t1", "r", agent="a")
    assert send(scheduling, "t2", "r", agent="b", model="n").runs == []
    assert scheduling.settle("t1").bound == [("t2", "i2")]


def test_the_answer_names_the_task_that_it_waits_behind_and_so_does_a_question() -> None:
    scheduling = with_places()
    assert send(scheduling, "t1", "r.a").answer == TaskAccepted("t1", "i1", "")
    behind_t1 = "waiting behind task t1, which runs with the overlapping scope 'r.a'"
    assert send(scheduling, "t2", "r").answer == TaskAccepted("t2", "i1", behind_t1)
    behind_t2 = "waiting behind task t2, which comes first with the overlapping scope 'r'"
    assert send(scheduling, "t3", "r.b").answer == TaskAccepted("t3", "i1", behind_t2)
    assert [reason(scheduling, t) for t in ("t1", "t2", "t3")] == ["", behind_t1, behind_t2]
    assert send(scheduling, "t3", "r.b").answer == TaskAccepted("t3", "i1", behind_t2), "a repeat hears it too"
    scheduling.settle("t1")
    assert reason(scheduling, "t3") == "waiting behind task t2, which runs with the overlapping scope 'r'"
    assert reason(scheduling, "stranger") == ""


def test_a_task_that_waits_for_its_scope_lets_those_pass_who_touch_something_else() -> None:
    scheduling = with_places(capacity=2)
    send(scheduling, "t1", "r")
    send(scheduling, "t2", "r", priority=9)
    assert send(scheduling, "t3", "s").runs == ["t3"]
    scheduling.settle("t3")
    assert send(scheduling, "t4", "").runs == ["t4"]


def test_a_task_is_not_passed_by_later_ones_that_overlap_it_however_many_come() -> None:
    scheduling = with_places()
    send(scheduling, "t1", "r.a")
    send(scheduling, "wide", "r")
    for n in range(5):
        assert send(scheduling, f"later{n}", f"r.b{n}").runs == []
    assert scheduling.settle("t1").runs == ["wide"]
    assert scheduling.settle("wide").runs == [f"later{n}" for n in range(5)]


def test_a_more_important_task_goes_before_those_of_its_scope_that_have_not_started() -> None:
    scheduling = with_places(capacity=1)
    scheduling.tell(submit("busy"))
    send(scheduling, "low", "r")
    send(scheduling, "high", "r", priority=5)
    send(scheduling, "top", "r.a", priority=9)
    assert reason(scheduling, "low").startswith("waiting behind task high")
    assert [scheduling.settle(t).runs for t in ("busy", "top", "high", "low")] == [["top"], ["high"], ["low"], []]


def test_one_that_waits_for_several_starts_when_the_last_of_them_has_ended() -> None:
    scheduling = with_places()
    for name in ("a", "b", "c"):
        send(scheduling, name, f"r.{name}")
    send(scheduling, "all", "r.a, r.b, r.c")
    assert [scheduling.settle(t).runs for t in ("c", "a", "b")] == [[], [], ["all"]]


def test_an_attempt_that_failed_gives_its_scope_up_and_waits_for_it_again() -> None:
    scheduling = with_places()
    scheduling.register("i2", capacity=9)
    send(scheduling, "t1", "r")
    send(scheduling, "t2", "r")
    assert scheduling.give_back("t1", delay_s=2.0).runs == ["t2"]
    assert reason(scheduling, "t1") == "waiting for its next attempt, the one before having failed"
    assert scheduling.pass_time(3.0).runs == []
    assert reason(scheduling, "t1").startswith("waiting behind task t2, which runs")
    assert scheduling.settle("t2").runs == ["t1"]


@pytest.mark.parametrize("ended", [TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED])
def test_every_end_frees_the_scope_also_of_a_task_that_only_waited(ended: TaskState) -> None:
    scheduling = with_places()
    for name in ("t1", "t2", "t3"):
        send(scheduling, name, "r")
    assert scheduling.tell(TaskSettled("t2", ended)).runs == []
    assert scheduling.tell(TaskSettled("t1", ended)).runs == ["t3"]


def test_what_an_instance_held_when_it_died_frees_its_scope_once_it_is_given_back() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    send(scheduling, "t1", "r")
    scheduling.register("i2")
    send(scheduling, "t2", "r")
    assert scheduling.down("i1").runs == []
    assert scheduling.give_back("t1").bound == [("t2", "i2")]
    assert scheduling.pass_time(0.0).runs == []
    assert scheduling.settle("t2").bound == [("t1", "i2")]


def test_a_task_that_nobody_can_run_keeps_nobody_waiting_until_somebody_can() -> None:
    scheduling = with_places()
    send(scheduling, "unserved", "r", priority=9, model="n")
    assert send(scheduling, "t1", "r").runs == ["t1"]
    send(scheduling, "t2", "r")
    assert scheduling.register("i2", model="n").runs == []
    assert scheduling.settle("t1").runs == ["unserved"]
    scheduling.down("i2")
    assert scheduling.give_back("unserved").runs == ["t2"]


def test_when_the_instances_of_a_task_go_down_those_behind_it_go_on() -> None:
    scheduling = with_places()
    scheduling.register("i2", model="n")
    send(scheduling, "busy", "", model="n")
    send(scheduling, "first", "r", model="n")
    assert send(scheduling, "second", "r").runs == []
    assert scheduling.down("i2").runs == ["second"]
    scheduling.up("i2")
    scheduling.settle("busy")
    assert scheduling.settle("second").bound == [("first", "i2")]


def test_a_closed_agents_waiting_tasks_claim_nothing() -> None:
    scheduling = with_places()
    send(scheduling, "a1", "s", agent="a")
    send(scheduling, "a2", "r", agent="a")
    assert send(scheduling, "b1", "r", agent="b").runs == []
    assert scheduling.tell(ShutdownAgent("a", 30.0)).runs == ["b1"]
    scheduling.settle("a1")
    scheduling.settle("b1")
    assert scheduling.running() == {}
    assert reason(scheduling, "a2") == "agent a is shutting down and starts no tasks"


def test_an_agent_whose_next_task_waits_for_its_scope_runs_another_meanwhile() -> None:
    scheduling = with_places()
    send(scheduling, "b1", "r", agent="b")
    send(scheduling, "a1", "r", agent="a", priority=9)
    assert send(scheduling, "a2", "s", agent="a").runs == ["a2"]
    scheduling.settle("b1")
    assert reason(scheduling, "a1") == "waiting for a slot: agent a is at its limit of 1 running"
    assert send(scheduling, "b2", "r.x", agent="b").runs == [], "the scope is kept for a1 all the same"
    assert scheduling.settle("a2").runs == ["a1"]
    assert scheduling.settle("a1").runs == ["b2"]


def test_a_task_that_loses_its_scope_to_a_more_important_one_gives_up_its_agents_offer() -> None:
    scheduling = with_places(capacity=1)
    scheduling.register("i2", model="n")
    scheduling.tell(submit("busy"))
    send(scheduling, "offered", "r", agent="a")
    send(scheduling, "next", "", agent="a", model="n")
    assert scheduling.running() == {"busy": "i1"}
    assert send(scheduling, "urgent", "r", priority=9).bound == [("next", "i2")]


def test_a_task_whose_scope_comes_free_does_not_go_before_a_better_one_of_its_agent() -> None:
    scheduling = with_places(capacity=1)
    scheduling.tell(submit("busy"))
    send(scheduling, "first", "", agent="a")
    send(scheduling, "second", "r", agent="a")
    send(scheduling, "urgent", "r", agent="a", priority=9)
    scheduling.settle("urgent")  # an earlier attempt of it had been given up, and was successful after all
    assert [scheduling.settle(name).runs for name in ("busy", "first")] == [["first"], ["second"]]


def test_a_wildcard_at_the_top_excludes_everything_that_has_a_scope() -> None:
    scheduling = with_places()
    send(scheduling, "t1", "r.a")
    send(scheduling, "all", "*")
    assert send(scheduling, "t2", "s").runs == []
    assert send(scheduling, "t3", "").runs == ["t3"]
    assert scheduling.settle("t1").runs == ["all"]
    assert scheduling.settle("all").runs == ["t2"]


def test_with_lines_of_their_own_instances_pass_over_what_waits_for_a_scope() -> None:
    scheduling = Scheduling()
    scheduling.tell(SetStrategy("round_robin"))
    for name in ("i1", "i2"):
        scheduling.register(name)
    for n, scope in enumerate(["r", "", "r", "r", "", ""]):
        send(scheduling, f"t{n}", scope)
    assert scheduling.settle("t1").bound == [("t5", "i2")]
    assert scheduling.settle("t0").bound == [("t2", "i1")]


def test_nothing_is_left_of_scopes_when_all_have_ended() -> None:
    scheduling = with_places(capacity=2)
    for n in range(6):
        send(scheduling, f"t{n}", "r, s.*.x" if n % 2 else "s.a", priority=n % 3)
    while running := list(scheduling.running()):
        scheduling.settle(running[0])
    claims = scheduling.state.claims
    assert not scheduling.state.tasks
    assert all(index.is_bare for index in (claims.running, claims.waiting, claims.standing))
    assert [claims.behind, claims.parked, claims.idle] == [{}, {}, {}]
