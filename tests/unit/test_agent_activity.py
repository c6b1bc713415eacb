"""The activity buffer by example: an entry from admission to the end, kept until purged, bounded."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from actors.agent import AgentPolicy
from actors.agent.activity_buffer import ActivityBuffer
from actors.agent.events import ActivityForgotten, ActivityRefused, ActivityRegistered
from actors.behaviour import Decision, Reply
from actors.messages.agent import (
    ExpectTask,
    PollActivity,
    PurgeActivity,
    RegisterActivity,
    RunTask,
    TaskEnded,
)
from actors.messages.answers import ActivityEntry, ActivityListed, ActivityPurged
from actors.messages.runtime import TimePassed
from actors.messages.tasks import Activity, TaskSpec
from tests.unit.quiet_agent import QuietAgent

ON_MAIN = Activity(repo_id="r", branch="main", description="tidy up")


def spec(task_id: str, activity: Activity | None = ON_MAIN) -> TaskSpec:
    return TaskSpec(task_id, "worker-1", "m", 0, 0.0, "d", activity=activity)


def an_agent(agent_id: str = "worker-1") -> QuietAgent:
    return QuietAgent(AgentPolicy(ended_entries=2), agent_id)


def end(agent: QuietAgent, task_id: str) -> None:
    agent.tell(RunTask(spec(task_id), 1, "ti"), after=1)
    agent.tell(TaskEnded(task_id, 0, "ti", 1.0, b"{}"), after=1)


def polled(agent: QuietAgent) -> ActivityListed:
    (reply,) = agent.tell(PollActivity()).effects
    assert isinstance(reply, Reply)
    assert isinstance(reply.answer, ActivityListed)
    return reply.answer


def listed(agent: QuietAgent) -> tuple[ActivityEntry, ...]:
    return polled(agent).entries


def test_an_entry_lives_from_admission_through_the_end() -> None:
    agent = an_agent()
    agent.tell(ExpectTask(spec("a")))
    assert listed(agent) == (ActivityEntry("a", ON_MAIN, 1000.0),)
    agent.tell(RunTask(spec("a", None), 1, "ti"), after=5)
    assert listed(agent) == (ActivityEntry("a", ON_MAIN, 1005.0),)
    agent.tell(TaskEnded("a", 0, "ti", 1.0, b"{}"), after=5)
    assert listed(agent) == (ActivityEntry("a", ON_MAIN, 1010.0, ended=True),)


@pytest.mark.parametrize("has_room", [True, False])
def test_an_id_that_is_used_anew_has_an_entry_of_its_own(has_room: bool) -> None:
    agent = an_agent()
    end(agent, "monthly")
    again = replace(spec("monthly", Activity(description="of June")), submitted_at=agent.now + 1)
    agent.tell(ExpectTask(again, has_room=has_room), after=2)
    expected = (ActivityEntry("monthly", Activity(description="of June"), agent.now),) if has_room else ()
    assert listed(agent) == expected
    agent.tell(RunTask(again, 1, "ti", has_room=has_room), after=1)
    agent.tell(TaskEnded("monthly", 0, "ti", 1.0, b"{}"), after=1)
    assert [(entry.task_id, entry.ended) for entry in listed(agent)] == [("monthly", True)] * has_room


@pytest.mark.parametrize("comes_late", [False, True])
def test_an_id_is_used_anew_also_where_the_task_before_had_no_room_for_an_entry(comes_late: bool) -> None:
    agent = an_agent()
    agent.tell(ExpectTask(spec("monthly"), has_room=False))
    end(agent, "monthly")
    agent.restart()
    again = replace(spec("monthly"), submitted_at=agent.now + 1)
    agent.tell(ExpectTask(again, has_room=not comes_late), after=2)
    if comes_late:
        agent.tell(RegisterActivity(again, waits=True))
    assert listed(agent) == (ActivityEntry("monthly", ON_MAIN, agent.now),)
    agent.tell(RunTask(again, 1, "ti"), after=1)
    agent.tell(TaskEnded("monthly", 0, "ti", 1.0, b"{}"), after=1)
    assert [(entry.task_id, entry.ended) for entry in listed(agent)] == [("monthly", True)]


def test_a_snapshot_that_does_not_say_when_tasks_ended_without_an_entry_is_read() -> None:
    agent = an_agent()
    agent.tell(ExpectTask(spec("t"), has_room=False))
    end(agent, "t")
    kept = dataclasses.replace(agent.behaviour.dump(agent.state), ended_without_entry=["t"])
    agent.state = agent.behaviour.load("worker-1", kept)
    agent.restart()
    assert agent.tell(RegisterActivity(spec("t"), waits=True)).events == ()


def test_the_list_is_ordered_by_the_last_change() -> None:
    agent = an_agent()
    agent.tell(ExpectTask(spec("waits")))
    agent.tell(ExpectTask(spec("runs")), after=1)
    end(agent, "ended")
    agent.tell(RunTask(spec("runs"), 1, "ti"), after=1)
    assert [entry.task_id for entry in listed(agent)] == ["waits", "ended", "runs"]


def test_only_the_newest_ended_entries_are_kept() -> None:
    agent = an_agent()
    for task_id in "abc":
        end(agent, task_id)
    assert [entry.task_id for entry in listed(agent)] == ["b", "c"]


def test_the_agent_of_a_model_has_no_activity_buffer() -> None:
    agent = an_agent("model:m")
    assert len(agent.tell(RunTask(spec("a"), 1, "ti")).events) == 1
    agent.tell(ExpectTask(spec("b"), has_room=False))
    agent.tell(RegisterActivity(spec("a"), waits=False))
    assert listed(agent) == ()
    assert agent.tell(PurgeActivity()) == Decision((), (Reply(ActivityPurged(0)),))


def test_a_task_without_room_runs_without_an_entry_and_is_registered_when_there_is_some() -> None:
    agent = an_agent()
    assert agent.tell(ExpectTask(spec("a"), has_room=False)) == Decision((ActivityRefused("a", 1000.0),))
    assert agent.tell(RunTask(spec("b"), 1, "ti", has_room=False)).events[0] == ActivityRefused("b", 1000.0)
    assert len(agent.tell(RunTask(spec("a"), 1, "ti", has_room=False)).events) == 1, "it is refused once"
    assert polled(agent) == ActivityListed((), 2, ("a", "b"))
    registered = agent.tell(RegisterActivity(spec("a"), waits=False), after=1)
    assert registered == Decision((ActivityRegistered("a", 1001.0, ON_MAIN),))
    assert agent.tell(RegisterActivity(spec("a"), waits=False)) == Decision()
    assert polled(agent) == ActivityListed((ActivityEntry("a", ON_MAIN, 1001.0),), 2, ("b",))
    agent.tell(TaskEnded("b", 0, "ti", 1.0, b"{}"))
    assert agent.tell(RegisterActivity(spec("b"), waits=False)) == Decision(), "it has ended meanwhile"
    agent.restart()
    assert polled(agent) == ActivityListed((ActivityEntry("a", ON_MAIN, 1001.0),), 2, ())
    for late in (RegisterActivity(spec("b"), waits=True), ExpectTask(spec("b"))):  # sent while it still waited
        assert agent.tell(late) == Decision()


def test_a_task_that_waits_is_registered_before_it_runs() -> None:
    agent = an_agent()
    agent.tell(ExpectTask(spec("a"), has_room=False))
    agent.tell(RegisterActivity(spec("a"), waits=True))
    assert [entry.task_id for entry in listed(agent)] == ["a"]


def test_a_description_has_200_words_or_199_and_a_marker() -> None:
    exactly, beyond = " ".join(["w"] * 200), "  ".join(["w"] * 201)
    agent = an_agent()
    agent.tell(ExpectTask(spec("a", Activity(description=exactly))))
    agent.tell(ExpectTask(spec("b", Activity(branch="main", description=beyond))))
    first, second = listed(agent)
    assert first.activity.description == exactly
    assert second.activity == Activity(branch="main", description=" ".join(["w"] * 199) + " […]")


def test_purging_forgets_ended_entries_and_never_others() -> None:
    agent = an_agent()
    agent.tell(RunTask(spec("runs"), 1, "ti"))
    end(agent, "a")
    end(agent, "b")
    named = agent.tell(PurgeActivity(("runs", "a", "a", "unknown")))
    assert named == Decision((ActivityForgotten(("a",)),), (Reply(ActivityPurged(1)),))
    everything = agent.tell(PurgeActivity())
    assert everything == Decision((ActivityForgotten(("b",), is_everything=True),), (Reply(ActivityPurged(1)),))
    assert [entry.task_id for entry in listed(agent)] == ["runs"]
    assert agent.tell(PurgeActivity()) == Decision((), (Reply(ActivityPurged(0)),))


def test_ended_entries_go_by_themselves_once_they_are_old() -> None:
    agent = QuietAgent(AgentPolicy(ended_kept_s=1000.0))
    end(agent, "a")
    ended_at = agent.now
    end(agent, "b")
    agent.tell(ExpectTask(spec("waits")), after=500)
    agent.tell(RunTask(spec("runs"), 1, "ti"))
    assert not agent.tell(TimePassed()).events
    assert agent.due is not None
    assert ended_at + 1000.0 <= agent.due <= ended_at + 1020.0
    woken = agent.tell(TimePassed(), after=agent.due - agent.now)
    assert woken == Decision([ActivityForgotten(("a", "b"))], [])
    assert [entry.task_id for entry in listed(agent)] == ["waits", "runs"]


def test_what_ended_later_stays_longer_and_an_agent_without_anything_is_forgotten() -> None:
    agent = QuietAgent(AgentPolicy(ended_kept_s=1000.0))
    end(agent, "old")
    end(agent, "new")
    agent.tell(PollActivity(), after=500)
    end(agent, "newest")
    for gone in [("old", "new"), ("newest",)]:
        assert agent.due is not None
        assert not agent.behaviour.is_blank(agent.state)
        assert agent.tell(TimePassed(), after=agent.due - agent.now) == Decision([ActivityForgotten(gone)], [])
    assert agent.due is None
    assert agent.behaviour.is_blank(agent.state)


def test_a_buffer_is_rebuilt_from_what_it_stored() -> None:
    buffer = ActivityBuffer(2)
    for at, task_id in enumerate("abcd"):
        buffer.register(task_id, at, ON_MAIN if task_id == "b" else None)
    buffer.end("c", 9)
    buffer.end("a", 10)
    again = ActivityBuffer(2, list(buffer.stored()))
    again.end("b", 11)
    buffer.end("b", 11)
    assert again.entries() == buffer.entries()
    assert [entry.task_id for entry in again.entries()] == ["d", "a", "b"]
