"""How an agent is, by example: what it records of itself, with which cause, and when it has failed."""

from __future__ import annotations

from actors.addresses import SCHEDULER, dispatcher
from actors.agent import AgentPolicy, AgentState, agent_behaviour
from actors.agent.events import AgentEvent, AgentMoved, AttemptBegan, AttemptPlaced, TaskFinished
from actors.agent_lifecycle import LifecycleState as S
from actors.behaviour import Decision, Reply, Send
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    AttemptYielded,
    BeginShutdown,
    DescribeAgent,
    ExpectTask,
    ReopenAgent,
    ResourcesChanged,
    RunTask,
    TaskEnded,
)
from actors.messages.answers import AgentDescribed
from actors.messages.dispatcher import DropTask
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import TaskSettled
from actors.messages.tasks import TaskSpec
from actors.settings import Settings
from actors.task_lifecycle import TaskState
from tests.driving import Driven
from tests.unit.quiet_agent import settle


class Agent(Driven[AgentState, AgentMessage, AgentEvent]):
    """The agent `worker-1`, and the states it has been in."""

    def __init__(self) -> None:
        super().__init__(agent_behaviour(AgentPolicy()), "worker-1")

    def hear(self, *messages: AgentMessage, after: float = 0.0) -> list[AgentEvent]:
        """All that comes of these messages, which come in one turn."""
        events: list[AgentEvent] = []
        for message in messages:
            events += self.tell(message, after=after).events
            after = 0.0
        return [*events, *settle(self)]

    def moves(self, *messages: AgentMessage, after: float = 0.0) -> list[S]:
        """What the agent becomes by them, one after the other."""
        found: list[S] = []
        for event in self.hear(*messages, after=after):
            if isinstance(event, AgentMoved):
                found.append(event.after)
            elif isinstance(event, AttemptPlaced | AttemptBegan) and event.agent_moves is not None:
                found.append(event.agent_moves)
        return found

    @property
    def described(self) -> AgentDescribed:
        (reply,) = self.tell(DescribeAgent()).effects
        assert isinstance(reply, Reply)
        assert isinstance(reply.answer, AgentDescribed)
        return reply.answer


def spec(task_id: str) -> TaskSpec:
    return TaskSpec(task_id, "worker-1", "m", 0, 0.0, "d")


def run(task_id: str, attempt: int = 1, resumption: int = 0) -> RunTask:
    return RunTask(spec(task_id), attempt, "ti", resumption=resumption)


def ended(task_id: str) -> TaskEnded:
    return TaskEnded(task_id, 0, "ti", 1.0, b"{}")


ATTACHED = ResourcesChanged(1, 1, served=True)
LOST = ResourcesChanged(1, 0, served=False)
GONE = ResourcesChanged(0, 0, served=False)


def at_work() -> Agent:
    """An agent with a worker, that runs `t`."""
    agent = Agent()
    agent.hear(ATTACHED)
    agent.hear(ExpectTask(spec("t")), run("t"), AttemptStarted("t", 1))
    assert agent.described.state is S.RUNNING
    return agent


def test_a_task_takes_an_idle_agent_through_three_moves() -> None:
    agent = Agent()
    assert agent.described == AgentDescribed()
    assert agent.moves(ATTACHED) == [S.INITIALIZING, S.RUNNABLE]
    assert agent.moves(ExpectTask(spec("t")), run("t")) == [S.SCHEDULED]
    assert agent.described.cause == "task t is on its way"
    assert agent.moves(AttemptStarted("t", 1)) == [S.RUNNING]
    assert agent.moves(ended("t")) == [S.RUNNABLE]
    assert agent.described.cause == "task t has ended"
    assert agent.due is not None
    assert agent.due > agent.now + 7 * 86_400 - 60, "nothing is left but to forget what has ended"


def test_from_one_task_to_the_next_an_agent_does_not_rest() -> None:
    agent = at_work()
    assert agent.moves(ExpectTask(spec("u"))) == []
    assert agent.moves(ended("t"), run("u")) == [S.SCHEDULED]
    assert agent.moves(AttemptStarted("u", 1)) == [S.RUNNING]
    assert agent.moves(ExpectTask(spec("v")), run("v"), AttemptStarted("v", 1), ended("u")) == [], "it has two slots"
    assert agent.moves(AttemptFailed("v", 1, "ti", "refused")) == [S.WAITING]
    assert agent.described.cause == "an attempt of task v failed"


def test_an_agent_that_nobody_serves_fails_and_its_tasks_wait_on() -> None:
    agent = Agent()
    assert agent.moves(ExpectTask(spec("t"), is_served=False)) == [S.INITIALIZING]
    assert agent.due == 1060.0
    assert agent.hear(TimePassed(), after=59.9) == []
    [failed] = agent.hear(TimePassed(), after=0.2)
    assert failed == AgentMoved(
        S.INITIALIZING, S.FAILED, agent.now, "initializing for 60 s", "initializing_timeout", None
    )
    assert agent.moves(ExpectTask(spec("u"), is_served=False)) == [], "it still waits"
    assert (agent.described.code, agent.described.waiting) == ("initializing_timeout", 2)
    assert agent.moves(ATTACHED, run("t")) == [S.SCHEDULED]
    assert agent.described.code == ""


def test_what_could_run_its_tasks_goes_and_comes() -> None:
    agent = at_work()
    agent.hear(ExpectTask(spec("u")), ended("t"))
    assert agent.described.state is S.WAITING
    assert agent.moves(GONE) == [S.WAITING_RESOURCES]
    assert agent.due == agent.now + 300
    assert agent.moves(ResourcesChanged(0, 0, served=True)) == [S.WAITING], "an instance came"
    assert agent.moves(LOST) == [S.RECOVERING]
    [failed] = agent.hear(TimePassed(), after=120)
    assert isinstance(failed, AgentMoved)
    assert failed.code == "recovering_timeout"
    assert agent.moves(ATTACHED) == [S.WAITING]
    assert agent.moves(run("u"), ended("u")) == [S.SCHEDULED, S.RUNNABLE]
    assert agent.moves(GONE) == [S.COMPLETED]


def test_a_task_that_gives_way_and_is_resumed() -> None:
    agent = at_work()
    assert agent.moves(AttemptYielded("t", 1, 0, "ti", 1.0, b"{}")) == [S.SUSPENDED]
    assert agent.due == agent.now + 3600
    assert agent.moves(run("t", resumption=1)) == [S.RESUMED]
    assert agent.moves(AttemptStarted("t", 1, 1)) == [S.RUNNING]


def test_a_shutdown_ends_when_what_runs_has_finished_and_the_workers_have_left() -> None:
    agent = at_work()
    agent.hear(ExpectTask(spec("u")))
    assert agent.moves(BeginShutdown(30.0)) == [S.SHUTTING_DOWN]
    assert agent.due == 1030.0
    assert agent.tell(BeginShutdown(60.0)) == Decision(), "a grace does not become longer"
    assert agent.moves(ended("t"), after=5) == []
    assert agent.moves(GONE) == [S.COMPLETED]
    described = agent.described
    assert (described.state, described.closed, described.waiting) == (S.COMPLETED, True, 1)
    assert agent.due is not None
    assert agent.due > agent.now + 7 * 86_400 - 60, "nothing is left but to forget what has ended"
    assert agent.tell(BeginShutdown(0.0)) == Decision()
    assert agent.moves(ReopenAgent(), ATTACHED, run("u")) == [S.SCHEDULED]


def test_what_still_runs_when_the_grace_is_over_is_stopped_and_said_to_be_incomplete() -> None:
    agent = at_work()
    agent.hear(BeginShutdown(30.0))
    agent.hear(BeginShutdown(10.0))
    assert agent.due == 1010.0
    over = agent.tell(TimePassed(), after=10)
    final = over.events[0]
    assert isinstance(final, TaskFinished)
    assert (final.state, final.error_code) == (TaskState.FAILED, "agent_shutdown")
    assert final.error.startswith("incomplete: ")
    assert over.effects == [
        Send(dispatcher("ti"), DropTask("t", 1, "agent worker-1 was shut down")),
        Send(SCHEDULER, TaskSettled("t", TaskState.FAILED, None)),
    ]
    described = agent.described
    assert (described.state, described.code) == (S.FAILED, "shutdown_timeout")
    assert agent.tell(ended("t")) == Decision(), "too late"


def test_without_a_grace_it_is_over_at_once() -> None:
    agent = at_work()
    told = agent.tell(BeginShutdown(0.0))
    assert [event.task_id for event in told.events if isinstance(event, TaskFinished)] == ["t"]
    assert agent.described.code == "shutdown_timeout"
    idle = Agent()
    assert idle.moves(BeginShutdown(0.0)) == [S.INITIALIZING, S.SHUTTING_DOWN, S.COMPLETED]


def test_a_worker_that_attaches_during_the_grace_ends_the_shutdown() -> None:
    agent = at_work()
    agent.hear(BeginShutdown(30.0))
    assert agent.moves(ReopenAgent()) == [S.RUNNING]
    assert agent.described.cause == "a worker attached again"
    assert agent.due == 4600.0, "nothing but the run has a deadline"
    assert agent.tell(ReopenAgent()) == Decision()


def test_agents_that_stand_in_for_a_model_have_no_lifecycle() -> None:
    agent = Driven(agent_behaviour(AgentPolicy()), "model:m")
    placed = agent.tell(RunTask(TaskSpec("t", "model:m", "m", 0, 0.0, "d"), 1, "ti"))
    assert [type(event) for event in placed.events] == [AttemptPlaced]
    for message in (ATTACHED, BeginShutdown(0.0), ReopenAgent()):
        assert agent.tell(message) == Decision()
    assert agent.tell(DescribeAgent()) == Decision((), (Reply(AgentDescribed()),))


def test_an_agent_with_nothing_to_remember_is_forgotten_and_others_are_not() -> None:
    behaviour = agent_behaviour(AgentPolicy())
    agent = Agent()
    assert behaviour.is_blank(agent.state)
    agent.hear(ATTACHED)
    assert not behaviour.is_blank(agent.state)
    agent.hear(GONE)
    assert agent.described.state is S.COMPLETED
    assert behaviour.is_blank(agent.state)
    agent.hear(BeginShutdown(0.0))
    assert not behaviour.is_blank(agent.state), "it takes no tasks"


def test_the_default_time_outs_are_those_of_the_settings() -> None:
    settings = Settings()
    for state, lasts_s in AgentPolicy().lifecycle_timeouts.items():
        assert getattr(settings, f"agent_{state}_timeout_s") == lasts_s
