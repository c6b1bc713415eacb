"""The agent by example: what it remembers and tells, message by message."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors.addresses import SCHEDULER, dispatcher
from actors.agent import AgentPolicy
from actors.agent.events import (
    AgentEvent,
    AttemptAbandoned,
    AttemptBegan,
    AttemptPlaced,
    LateReportSeen,
    ShutdownBegan,
    TaskExpected,
    TaskFinished,
)
from actors.behaviour import Decision, Keep, Send
from actors.messages.agent import (
    AgentMessage,
    AttemptFailed,
    AttemptStarted,
    BeginShutdown,
    ExpectTask,
    PreemptTask,
    RunTask,
    TaskEnded,
)
from actors.messages.dispatcher import DropTask, PushTask
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import ReturnTask, TaskSettled
from actors.messages.tasks import Activity, TaskSpec
from actors.settings import Settings
from actors.task_lifecycle import TaskState
from tests.unit.quiet_agent import QuietAgent

SPEC = TaskSpec("t", "worker-1", "m", priority=0, submitted_at=990.0, digest="d")
NOTHING: Decision[AgentEvent] = Decision()
RESULT = b'{"output":1}'


def an_agent(policy: AgentPolicy | None = None) -> QuietAgent:
    return QuietAgent(policy)


def run(attempt: int = 1, ti: str = "ti-1", spec: TaskSpec = SPEC) -> RunTask:
    return RunTask(spec, attempt, ti)


def ended(attempt: int = 0, ti: str = "ti-1", *, is_error: bool = False) -> TaskEnded:
    return TaskEnded("t", attempt, ti, 12.5, RESULT, is_error)


def test_a_task_is_pushed_started_and_ended() -> None:
    agent = an_agent()

    placed = agent.tell(run())
    assert placed.events == (TaskExpected("t", 1000.0), AttemptPlaced("t", 1, "ti-1", 1000.0, 4600.0))
    assert placed.effects == (Send(dispatcher("ti-1"), PushTask("t", 1, "worker-1")),)

    began = agent.tell(AttemptStarted("t", 1), after=1)
    assert began == Decision((AttemptBegan("t", 1, "ti-1", 1001.0, 4601.0),))
    assert agent.due == 4601.0

    end = agent.tell(ended(), after=1)
    assert end.events == (TaskFinished("t", TaskState.COMPLETED, 1, "ti-1", 1002.0, 12.5),)
    assert end.effects == [
        Keep("t", "result", RESULT),
        Send(SCHEDULER, TaskSettled("t", TaskState.COMPLETED, 12.5)),
    ]
    assert agent.state.lives == {}
    assert agent.due == 1002.0 + 1.01 * 7 * 86_400, "nothing is left but to forget that it has ended"


def test_an_end_before_the_start_is_an_end() -> None:
    agent = an_agent()
    agent.tell(run())
    assert isinstance(agent.tell(ended(1)).events[0], TaskFinished)
    assert agent.tell(AttemptStarted("t", 1)) == NOTHING


def test_a_reported_error_ends_the_task_as_failed_with_its_result() -> None:
    agent = an_agent()
    agent.tell(run())
    end = agent.tell(ended(is_error=True))
    final = end.events[0]
    assert isinstance(final, TaskFinished)
    assert (final.state, final.error_code) == (TaskState.FAILED, "reported")
    assert end.effects == [Keep("t", "result", RESULT), Send(SCHEDULER, TaskSettled("t", TaskState.FAILED, 12.5))]


def test_a_failed_attempt_goes_back_to_the_line_with_growing_delays() -> None:
    agent = an_agent()
    agent.tell(run())
    first = agent.tell(AttemptFailed("t", 1, "ti-1", "refused: 503 busy"))
    assert first.events == (AttemptAbandoned("t", 1, "ti-1", 1000.0, "refused: 503 busy", 0.5),)
    assert first.effects == (Send(SCHEDULER, ReturnTask("t", 2, "ti-1", 0.5, "refused: 503 busy")),)
    assert agent.due is None, "while it waits in the scheduler's line there is nothing to time out"

    agent.tell(run(2, "ti-2"))
    second = agent.tell(AttemptFailed("t", 2, "ti-2", "refused: 500"))
    assert second.effects == (Send(SCHEDULER, ReturnTask("t", 3, "ti-2", 1.0, "refused: 500")),)


def test_the_last_attempt_ends_the_task_with_the_reasons_of_all() -> None:
    agent = an_agent(AgentPolicy(max_attempts=2))
    agent.tell(run())
    agent.tell(AttemptFailed("t", 1, "ti-1", "refused: 503"))
    agent.tell(run(2, "ti-2"))
    end = agent.tell(AttemptFailed("t", 2, "ti-2", "instance down: refused"))
    error = "attempt 1 on ti-1: refused: 503; attempt 2 on ti-2: instance down: refused"
    assert end.events == (TaskFinished("t", TaskState.FAILED, 2, "ti-2", 1000.0, None, error, "attempts_exhausted"),)
    assert end.effects == [Send(SCHEDULER, TaskSettled("t", TaskState.FAILED, None))]
    assert agent.tell(ended(ti="ti-2")) == NOTHING


def test_a_run_timeout_takes_the_task_from_its_instance_and_tries_again() -> None:
    agent = an_agent()
    agent.tell(run(spec=replace(SPEC, timeout_ms=1500)))
    agent.tell(AttemptStarted("t", 1), after=1)
    assert agent.due == 1002.5, "it counts from the start"
    assert agent.tell(TimePassed(), after=1.4) == Decision([], [])

    late = agent.tell(TimePassed(), after=0.1)
    reason = "run timeout of 1500 ms"
    assert late.effects == [
        Send(dispatcher("ti-1"), DropTask("t", 1, reason)),
        Send(SCHEDULER, ReturnTask("t", 2, "ti-1", 0.5, reason)),
    ]


def test_a_task_whose_start_nobody_reports_times_out_too() -> None:
    agent = an_agent(AgentPolicy(run_timeout_s=60, max_attempts=1))
    agent.tell(run())
    late = agent.tell(TimePassed(), after=60)
    final = late.events[0]
    assert isinstance(final, TaskFinished)
    assert final.error == "attempt 1 on ti-1: run timeout of 60000 ms"


def test_a_report_of_an_abandoned_attempt_wins_while_the_task_waits() -> None:
    agent = an_agent()
    agent.tell(run())
    agent.tell(AttemptFailed("t", 1, "ti-1", "instance down"))
    end = agent.tell(ended(1, "ti-3"))
    assert isinstance(end.events[0], TaskFinished)
    assert len(end.effects) == 2, "no attempt is under way that would have to be dropped"
    assert agent.tell(run(2, "ti-2")) == NOTHING, "the scheduler had sent this before it heard of the end"


def test_a_failure_reported_by_an_abandoned_attempt_does_not_spoil_the_next() -> None:
    agent = an_agent()
    agent.tell(run())
    agent.tell(AttemptFailed("t", 1, "ti-1", "run timeout"))
    assert agent.tell(ended(1, is_error=True)) == Decision((LateReportSeen("t", 1, "ti-1"),))


def test_a_late_report_of_an_earlier_attempt_changes_nothing() -> None:
    agent = an_agent()
    agent.tell(run())
    agent.tell(AttemptFailed("t", 1, "ti-1", "instance down"))
    agent.tell(run(2, "ti-2"))
    assert agent.tell(ended(1)) == Decision((LateReportSeen("t", 1, "ti-1"),))
    assert agent.state.lives["t"].attempt == 2


def test_a_report_that_names_no_attempt_wins_and_the_other_instance_is_told() -> None:
    agent = an_agent()
    agent.tell(run())
    agent.tell(AttemptFailed("t", 1, "ti-1", "instance down"))
    agent.tell(run(2, "ti-2"))
    end = agent.tell(ended(0, "ti-1"))
    assert end.events[0] == TaskFinished("t", TaskState.COMPLETED, 2, "ti-1", 1000.0, 12.5)
    assert end.effects[-1] == Send(dispatcher("ti-2"), DropTask("t", 2, "already ended on ti-1"))


@pytest.mark.parametrize(
    "message",
    [
        run(1, "ti-9"),
        run(3, "ti-9"),
        AttemptStarted("t", 2),
        AttemptFailed("t", 2, "ti-1", "?"),
        AttemptFailed("other", 1, "ti-1", "?"),
        ended(2),
        TaskEnded("other", 0, "ti-1", 1.0, RESULT),
        PreemptTask("other", 1, 0, ""),
    ],
)
def test_what_is_not_of_the_current_attempt_is_nothing(message: AgentMessage) -> None:
    agent = an_agent()
    agent.tell(run())
    assert agent.tell(message) == NOTHING


def test_a_second_attempt_of_an_unknown_task_is_not_begun() -> None:
    assert an_agent().tell(run(2)) == NOTHING


def test_admission_and_shutdown_are_remembered() -> None:
    agent = an_agent()
    activity = Activity(branch="main")
    spec = replace(SPEC, activity=activity)
    assert agent.tell(ExpectTask(spec)) == Decision((TaskExpected("t", 1000.0, activity),))
    assert agent.tell(ExpectTask(spec)) == NOTHING
    [placed] = agent.tell(run(spec=spec)).events
    assert isinstance(placed, AttemptPlaced), "what the buffer holds already is not registered again"
    assert agent.tell(BeginShutdown(30.0)) == Decision((ShutdownBegan(1000.0, 1030.0),))
    assert agent.state.shutdown_due == 1030.0


def test_the_default_policy_is_that_of_the_settings() -> None:
    policy, settings = AgentPolicy(), Settings()
    for name in (
        "max_attempts",
        "retry_delay_s",
        "retry_delay_max_s",
        "run_timeout_s",
        "preempt_grace_s",
        "terminate_grace_s",
        "callback_attempts",
    ):
        assert getattr(policy, name) == getattr(settings, name), name
