"""The life of a task, attempt by attempt: placed, begun, failed and tried again, ended once.

An attempt is fenced by its number: what comes from another than the current one changes nothing, except a
report that does not say which attempt it is of, because the guide's instances cannot say.
"""

from __future__ import annotations

from actors.addresses import SCHEDULER, dispatcher
from actors.agent import lifecycle
from actors.agent.callbacks import post_at_end
from actors.agent.events import (
    AgentEvent,
    AttemptAbandoned,
    AttemptBegan,
    AttemptPlaced,
    LateReportSeen,
    TaskFinished,
)
from actors.agent.policy import AgentPolicy
from actors.agent.registering import expect
from actors.agent.retrying import (
    delay_before_next,
    describe_all,
    describe_failure,
    has_attempt_left,
    run_timeout_ms,
    shorten,
)
from actors.agent.state import AgentState, Life
from actors.behaviour import Decision, Effect, Keep, Now, Send
from actors.messages.agent import AttemptFailed, AttemptStarted, RunTask, TaskEnded
from actors.messages.dispatcher import DropTask, PushTask
from actors.messages.scheduler import ReturnTask, TaskSettled
from actors.task_lifecycle import TaskState

NOTHING: Decision[AgentEvent] = Decision()


def place(policy: AgentPolicy, state: AgentState, run: RunTask, now: Now) -> Decision[AgentEvent]:
    """Push the task to the instance it is bound to.

    A later run of a task that has no life here is of one that ended while it waited: the scheduler
    had sent it before it heard of the end, and has been told since.
    """
    spec, life = run.spec, state.lives.get(run.spec.task_id)
    is_first = life is None and (run.attempt, run.resumption) == (1, 0)
    if not is_first and (life is None or not _is_next(life, run)):
        return NOTHING
    due = now + run_timeout_ms(policy, spec.timeout_ms) / 1000
    placed = AttemptPlaced(
        spec.task_id,
        run.attempt,
        run.ti_uuid,
        now,
        due,
        spec.timeout_ms,
        spec.callback_url,
        run.resumption,
        lifecycle.on_its_way(state, run.resumption),
    )
    push = Send(dispatcher(run.ti_uuid), PushTask(spec.task_id, run.attempt, state.agent_id, run.resumption))
    return Decision((*expect(state, run, now), placed), (push,))


def begin(policy: AgentPolicy, state: AgentState, started: AttemptStarted, now: Now) -> Decision[AgentEvent]:
    """The instance has the task: its run timeout counts from now."""
    life = state.lives.get(started.task_id)
    if life is None or life.phase != "placed" or life.run != (started.attempt, started.resumption):
        return NOTHING
    due = now + run_timeout_ms(policy, life.timeout_ms) / 1000
    gives_way, agent_moves = life.preemption is not None, lifecycle.begun(state)
    return Decision((AttemptBegan(started.task_id, life.attempt, life.ti_uuid, now, due, gives_way, agent_moves),))


def fail(policy: AgentPolicy, state: AgentState, failed: AttemptFailed, now: Now) -> Decision[AgentEvent]:
    """The current attempt cannot end any more: try again, or end the task."""
    life = state.lives.get(failed.task_id)
    if life is None or not life.is_in_flight or life.run != (failed.attempt, failed.resumption):
        return NOTHING
    return _give_up(policy, failed.task_id, life, failed.reason, now)


def time_out(policy: AgentPolicy, state: AgentState, task_id: str, now: Now) -> Decision[AgentEvent]:
    """The attempt has run for too long: take it from its instance, and go on as if it had failed."""
    life = state.lives[task_id]
    reason = f"run timeout of {run_timeout_ms(policy, life.timeout_ms):g} ms"
    drop = Send(dispatcher(life.ti_uuid), DropTask(task_id, life.attempt, reason, life.resumption))
    given_up = _give_up(policy, task_id, life, reason, now)
    return Decision(given_up.events, (drop, *given_up.effects))


def end(state: AgentState, report: TaskEnded, now: Now) -> Decision[AgentEvent]:
    """A report that counts ends the task, also while it waits to be tried again: first completion wins.

    While it waits, only a success counts: that an attempt which was given up has failed is known already
    (an instance that was told to stop it says so). A run that has given way cannot end any more.
    """
    life = state.lives.get(report.task_id)
    run = (report.attempt, report.resumption)
    if life is None or run > life.run:
        return NOTHING
    is_over = report.attempt > 0 and (run < life.run or life.phase == "suspended")
    if is_over or (not life.is_in_flight and report.is_error):
        return Decision((LateReportSeen(report.task_id, report.attempt, report.ti_uuid),))
    final = TaskFinished(
        report.task_id,
        TaskState.FAILED if report.is_error else TaskState.COMPLETED,
        life.attempt,
        report.ti_uuid or life.ti_uuid,
        now,
        life.took_ms(report.execution_ms),
        error="the instance reported an error, see the result" if report.is_error else "",
        error_code="reported" if report.is_error else "",
    )
    effects: list[Effect] = [Keep(report.task_id, "result", report.result), *announce_end(life, final)]
    if life.is_in_flight and life.ti_uuid != final.ti_uuid:
        reason = f"already ended on {final.ti_uuid}"
        drop = DropTask(report.task_id, life.attempt, reason, life.resumption)
        effects.append(Send(dispatcher(life.ti_uuid), drop))
    return Decision((final,), effects)


def stop(task_id: str, life: Life, reason: str, error: str, code: str, now: Now) -> Decision[AgentEvent]:
    """End a task that is under way as failed, without another attempt, and take it from its instance."""
    final = TaskFinished(task_id, TaskState.FAILED, life.attempt, life.ti_uuid, now, error=error, error_code=code)
    drop = Send(dispatcher(life.ti_uuid), DropTask(task_id, life.attempt, reason, life.resumption))
    return Decision((final,), (drop, *announce_end(life, final)))


def _give_up(policy: AgentPolicy, task_id: str, life: Life, reason: str, now: Now) -> Decision[AgentEvent]:
    reason = shorten(reason)
    if has_attempt_left(policy, life.attempt):
        delay_s = delay_before_next(policy, life.attempt)
        abandoned = AttemptAbandoned(task_id, life.attempt, life.ti_uuid, now, reason, delay_s)
        back = ReturnTask(task_id, life.attempt + 1, life.ti_uuid, delay_s, reason)
        return Decision((abandoned,), (Send(SCHEDULER, back),))
    final = TaskFinished(
        task_id,
        TaskState.FAILED,
        life.attempt,
        life.ti_uuid,
        now,
        error=describe_all((*life.failures, describe_failure(life.attempt, life.ti_uuid, reason))),
        error_code="attempts_exhausted",
    )
    return Decision((final,), announce_end(life, final))


def _is_next(life: Life, run: RunTask) -> bool:
    if life.phase == "suspended":
        return (run.attempt, run.resumption) == (life.attempt, life.resumption + 1)
    return life.phase == "waiting" and run.attempt > life.attempt


def announce_end(life: Life, final: TaskFinished) -> list[Effect]:
    """What follows from the end of a task: the scheduler hears of it, and whoever wanted to be called."""
    settled = TaskSettled(final.task_id, final.state, final.execution_ms)
    return [Send(SCHEDULER, settled), *post_at_end(final.task_id, life.callback_url)]
