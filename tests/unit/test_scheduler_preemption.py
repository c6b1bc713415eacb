"""Who has to give way to whom, by example."""

from __future__ import annotations

import pytest

from actors import addresses
from actors.behaviour import Reply
from actors.messages.agent import PreemptTask, RunTask, SparePreemption
from actors.messages.answers import PreemptionAnswered, WaitExplained
from actors.messages.scheduler import ExplainWait, RequestPreemption, SchedulerMessage, SuspendTask
from actors.scheduler import PreemptionRules, SchedulerPolicy
from actors.scheduler.events import PreemptionQueued, PreemptionStarted, PreemptionWithdrawn, TaskSuspended
from tests.unit.scheduling import Scheduling, Told, submit

ABLE = ("preempt",)


def with_instances(*capacities: int, policy: SchedulerPolicy | None = None) -> Scheduling:
    """A scheduler with instances i1, i2, ... of these capacities, which can let what they run give way."""
    scheduling = Scheduling(policy)
    for n, capacity in enumerate(capacities, start=1):
        scheduling.register(f"i{n}", capacity=capacity, capabilities=ABLE)
    return scheduling


def asked(told: Told) -> list[str]:
    """The tasks that were asked to give way."""
    return [message.task_id for _, message in told.sent if isinstance(message, PreemptTask)]


def runs(told: Told) -> list[tuple[str, int, int]]:
    """The runs that were started: task, attempt and resumption."""
    started = [message for _, message in told.sent if isinstance(message, RunTask)]
    return [(run.spec.task_id, run.attempt, run.resumption) for run in started]


def reason(scheduling: Scheduling, task_id: str) -> str:
    answer = scheduling.tell(ExplainWait(task_id)).answer
    assert isinstance(answer, WaitExplained)
    return answer.reason


def test_what_is_less_important_gives_way_and_is_resumed_where_it_was_in_line() -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("low"))
    scheduling.tell(submit("later"))
    told = scheduling.tell(submit("high", priority=1))
    words = "task high of priority 1 needs its place"
    assert told.of(PreemptionStarted) == [PreemptionStarted("low", "model:m", 1, 0, "high", words)]
    assert (addresses.agent("model:m"), PreemptTask("low", 1, 0, words)) in told.sent
    assert reason(scheduling, "high") == "waiting for task low to give way"
    assert reason(scheduling, "low") == "running until its next safe point, where it has to give way"

    told = scheduling.give_way("low")
    assert told.of(TaskSuspended) == [TaskSuspended("low", "model:m", 1, 0, "asked to")]
    assert told.bound == [("high", "i1")]
    told = scheduling.settle("high")
    assert told.runs == ["low"], "it arrived before the other"
    assert runs(told) == [("low", 1, 1)]


@pytest.mark.parametrize("priority", [0, -1])
def test_equal_or_less_importance_never_preempts(priority: int) -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("running"))
    assert not asked(scheduling.tell(submit("waiting", priority=priority)))


def test_nothing_gives_way_while_there_is_a_place() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("low"))
    told = scheduling.tell(submit("high", priority=1))
    assert not asked(told)
    assert told.bound == [("high", "i2")]


def test_an_instance_that_cannot_ask_keeps_what_it_runs() -> None:
    scheduling = Scheduling()
    scheduling.register("i1")
    scheduling.tell(submit("low", agent="a"))
    assert not asked(scheduling.tell(submit("high", priority=1)))
    told = scheduling.tell(RequestPreemption("a", "low", "why not"))
    assert told.answer == PreemptionAnswered(enqueued=True)
    assert told.events == [PreemptionQueued("low", "a", "why not")]
    assert asked(told) == ["low"], "its dispatcher knows that it cannot be, and says so"
    assert "cannot let it" in reason(scheduling, "low")


def test_the_victim_is_the_least_important_then_the_one_with_least_sunk_work() -> None:
    scheduling = with_instances(4)
    for task_id, priority in (("p1", 1), ("older", 0), ("newer", 0), ("p2", 2)):
        scheduling.now += 10
        scheduling.tell(submit(task_id, priority=priority))
    assert [asked(scheduling.tell(submit(f"high{n}", priority=3))) for n in range(5)] == [
        ["newer"],
        ["older"],
        ["p1"],
        ["p2"],
        [],
    ]


def test_slots_of_an_agent_are_made_free_too() -> None:
    scheduling = with_instances(3)
    scheduling.tell(submit("other", priority=-5))
    scheduling.tell(submit("low", agent="a"))
    told = scheduling.tell(submit("high", agent="a", priority=1))
    assert asked(told) == ["low"], "its agent runs one at a time; what others run does not help"
    assert not asked(scheduling.tell(submit("higher", agent="a", priority=2))), "no slot is left to be freed"
    assert scheduling.give_way("low").bound == [("higher", "i1")]
    assert asked(scheduling.tell(submit("highest", agent="a", priority=3))) == ["higher"]


def test_a_scope_is_made_free_too() -> None:
    scheduling = with_instances(2)
    scheduling.tell(submit("low", scope="repo.docs"))
    assert asked(scheduling.tell(submit("high", priority=1, scope="repo"))) == ["low"]
    assert not asked(scheduling.tell(submit("lower", priority=0, scope="repo")))
    told = scheduling.give_way("low")
    assert told.bound == [("high", "i1")]
    assert reason(scheduling, "low").startswith("waiting behind task high")


def test_who_found_a_place_elsewhere_spares_the_other() -> None:
    scheduling = with_instances(1, 1)
    scheduling.tell(submit("old", priority=1))
    scheduling.tell(submit("low"))
    assert asked(scheduling.tell(submit("high", priority=2))) == ["low"]
    told = scheduling.settle("old")
    assert told.bound == [("high", "i1")]
    assert (addresses.agent("model:m"), SparePreemption("low", 1, 0)) in told.sent
    assert scheduling.give_way("low").bound == [("low", "i2")], "it may still give way, and is resumed at once"


def test_the_place_is_kept_for_the_one_that_asked_against_equals_that_were_meant_for_it() -> None:
    scheduling = with_instances(1, 1, policy=SchedulerPolicy())
    scheduling.tell(submit("one"))
    scheduling.tell(submit("two", priority=5))
    scheduling.tell(submit("high", priority=5))
    scheduling.tell(submit("equal", priority=5))
    assert scheduling.give_way("one").bound == [("high", "i1")]


def test_a_resumed_task_runs_for_a_while_before_it_is_displaced_again() -> None:
    scheduling = with_instances(1, policy=SchedulerPolicy(preemption=PreemptionRules(limit=2, min_run_s=5.0)))
    scheduling.tell(submit("low"))
    for n in range(2):
        scheduling.now += 1
        told = scheduling.tell(submit(f"high{n}", priority=1))
        assert asked(told) == (["low"] if n == 0 else []), "the second time, it is protected"
        if n == 1:
            assert not asked(scheduling.pass_time(3.9))
            assert asked(scheduling.pass_time(0.1)) == ["low"]
        scheduling.give_way("low")
        scheduling.settle(f"high{n}")
        assert scheduling.running() == {"low": "i1"}
    scheduling.pass_time(100)
    assert not asked(scheduling.tell(submit("high9", priority=1))), "it has given way as often as it may have to"


def test_a_limit_of_0_turns_displacing_off_but_not_asking() -> None:
    scheduling = with_instances(1, policy=SchedulerPolicy(preemption=PreemptionRules(limit=0)))
    scheduling.tell(submit("low", agent="a"))
    assert not asked(scheduling.tell(submit("high", priority=1)))
    assert asked(scheduling.tell(RequestPreemption("a", "low"))) == ["low"]


def test_a_named_task_is_asked_whoever_waits_with_a_grace_of_its_own() -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("t1", agent="a"))
    told = scheduling.tell(RequestPreemption("a", "t1", "more important work", 2.5))
    assert told.answer == PreemptionAnswered(enqueued=True)
    assert told.events == [PreemptionStarted("t1", "a", 1, 0, "", "more important work")]
    assert told.sent == [(addresses.agent("a"), PreemptTask("t1", 1, 0, "more important work", 2.5))]
    assert scheduling.give_way("t1").bound == [("t1", "i1")], "nobody else waits"


def test_a_waiting_task_has_nothing_to_give() -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("t1", agent="a"))
    scheduling.tell(submit("t2", agent="a"))
    told = scheduling.tell(RequestPreemption("a", "t2", "why not"))
    assert told.answer == PreemptionAnswered(enqueued=True)
    assert told.events == [PreemptionQueued("t2", "a", "why not")]
    assert not told.sent


def test_a_preemption_request_of_an_unknown_or_ended_task_or_of_another_agents_is_not_enqueued() -> None:
    scheduling = with_instances(2)
    for name in ("t1", "t2"):
        scheduling.tell(submit(name, agent=name))
    scheduling.settle("t2")
    for agent, task_id in (("a", "stranger"), ("a", "t1"), ("t2", "t2")):
        told = scheduling.tell(RequestPreemption(agent, task_id))
        assert told.effects == [Reply(PreemptionAnswered(enqueued=False))]
        assert not told.events


@pytest.mark.parametrize(
    "message",
    [SuspendTask("t1", 1, 1, ""), SuspendTask("t1", 2, 0, ""), SuspendTask("t2", 1, 0, ""), SuspendTask("x", 1, 0, "")],
)
def test_only_the_current_run_gives_way(message: SchedulerMessage) -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("t1"))
    scheduling.tell(submit("t2"))
    told = scheduling.tell(message)
    assert not told.events
    assert not told.effects


def test_a_failed_attempt_of_the_victim_frees_the_place_as_well() -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("low"))
    scheduling.tell(submit("high", priority=1))
    assert scheduling.give_back("low").bound == [("high", "i1")]
    scheduling.pass_time(1.0)
    assert runs(scheduling.settle("high")) == [("low", 2, 0)]


def test_a_snapshot_remembers_who_gives_way_to_whom() -> None:
    scheduling = with_instances(1)
    scheduling.tell(submit("low"))
    scheduling.tell(submit("high", priority=1))
    other = scheduling.copy()
    assert other.give_way("low").bound == [("high", "i1")]


def test_what_need_not_give_way_any_more_is_let_be_in_the_same_order_after_a_restart() -> None:
    scheduling = Scheduling()
    scheduling.register("i1", capacity=8, capabilities=("preempt",))
    for n in range(8):
        scheduling.tell(submit(f"low{n}", priority=-5))
    for n in range(8):
        scheduling.tell(submit(f"high{n}", priority=5))
    restarted = scheduling.copy()
    told = scheduling.down("i1")
    assert [event.task_id for event in told.of(PreemptionWithdrawn)] == [f"low{n}" for n in range(8)]
    assert restarted.down("i1") == told
