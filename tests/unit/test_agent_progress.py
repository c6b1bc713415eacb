"""What workers say about their runs: shown in the activity buffer, their checkpoint kept, of the current run alone."""

from __future__ import annotations

from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import AgentEvent, ProgressNoted
from actors.behaviour import Decision, Keep, Reply
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    NoteProgress,
    PollActivity,
    PreemptTask,
    RunTask,
    TaskEnded,
)
from actors.messages.answers import ActivityEntry, ActivityListed
from actors.messages.tasks import Activity, TaskSpec
from tests.driving import Driven

ON_MAIN = Activity(repo_id="r", branch="main", description="tidy up")
SPEC = TaskSpec("t", "worker-1", "m", 0, 0.0, "d", activity=ON_MAIN)


def running(agent_id: str = "worker-1") -> Driven[AgentState, AgentMessage, AgentEvent]:
    agent = Driven(agent_behaviour(AgentPolicy()), agent_id)
    agent.tell(RunTask(SPEC, 1, "ti"))
    agent.tell(AttemptStarted("t", 1))
    return agent


def entry(agent: Driven[AgentState, AgentMessage, AgentEvent]) -> ActivityEntry:
    (reply,) = agent.tell(PollActivity()).effects
    assert isinstance(reply, Reply)
    assert isinstance(reply.answer, ActivityListed)
    (only,) = reply.answer.entries
    return only


def test_what_is_said_is_shown_and_the_rest_stays() -> None:
    agent = running()
    agent.tell(NoteProgress("t", 1, 0, Activity(worktree_id="wt", description="half way"), 0.5), after=5)
    known = Activity("r", "wt", "main", "half way")
    assert entry(agent) == ActivityEntry("t", known, 1005.0, progress=0.5)
    agent.tell(NoteProgress("t", 1, 0), after=5)
    assert entry(agent) == ActivityEntry("t", known, 1010.0, progress=0.5), "it goes on, and has nothing new to say"
    agent.tell(NoteProgress("t", 1, 0, progress=0.0))
    agent.tell(TaskEnded("t", 1, "ti", 1.0, b"{}"), after=1)
    assert entry(agent) == ActivityEntry("t", known, 1011.0, ended=True, progress=0.0)


def test_too_long_a_description_is_cut() -> None:
    agent = running()
    agent.tell(NoteProgress("t", 1, 0, Activity(description=" ".join(["w"] * 201))))
    assert entry(agent).activity.description == " ".join(["w"] * 199) + " […]"


def test_a_checkpoint_is_kept_and_recorded() -> None:
    agent = running()
    told = agent.tell(NoteProgress("t", 1, 0, checkpoint=b'{"step":3}'))
    noted = ProgressNoted("t", 1, 0, 1000.0, has_checkpoint=True)
    assert told == Decision((noted,), (Keep("t", "checkpoint", b'{"step":3}'),))


def test_the_checkpoint_of_a_task_without_an_entry_is_kept_as_well() -> None:
    agent = running("model:m")
    assert agent.tell(NoteProgress("t", 1, 0, checkpoint=b"1")).effects == (Keep("t", "checkpoint", b"1"),)


def test_a_run_that_was_given_up_is_not_heard() -> None:
    agent = running()
    for other in (NoteProgress("t", 2, 0, checkpoint=b"1"), NoteProgress("t", 1, 1), NoteProgress("else", 1, 0)):
        assert agent.tell(other) == Decision()
    agent.tell(AttemptFailed("t", 1, "ti", "why"))
    assert agent.tell(NoteProgress("t", 1, 0, checkpoint=b"1")) == Decision(), "it waits to be tried again"
    agent.tell(RunTask(SPEC, 2, "ti"))
    assert agent.tell(NoteProgress("t", 1, 0, checkpoint=b"1")) == Decision()
    assert agent.tell(NoteProgress("t", 2, 0, checkpoint=b"1")).events, "also before it is known to have started"


def test_a_run_that_gave_way_is_not_heard_any_more() -> None:
    agent = running()
    agent.tell(PreemptTask("t", 1, 0, "why"))
    assert agent.tell(NoteProgress("t", 1, 0)).events, "it is still under way"
    agent.tell(AttemptYielded("t", 1, 0, "ti", 1.0, b"{}"))
    assert agent.tell(NoteProgress("t", 1, 0, checkpoint=b"old")) == Decision()
    agent.tell(RunTask(SPEC, 1, "ti", resumption=1))
    assert agent.tell(NoteProgress("t", 1, 0, checkpoint=b"old")) == Decision()
    assert agent.tell(NoteProgress("t", 1, 1, checkpoint=b"new")).effects == (Keep("t", "checkpoint", b"new"),)
