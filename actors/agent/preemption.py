"""A run gives way: asked, deferred by a section, told for the last time, stopped. The order is never shortened.

What gives way leaves its checkpoint in the store, in the transaction in which its task goes back into the line.
"""

from __future__ import annotations

from actors.addresses import SCHEDULER, dispatcher
from actors.agent.attempts import announce_end
from actors.agent.events import (
    AgentEvent,
    LateReportSeen,
    PreemptionBegan,
    PreemptionDeferred,
    PreemptionSpared,
    RunSuspended,
    TaskFinished,
    TerminationBegan,
)
from actors.agent.policy import AgentPolicy
from actors.agent.retrying import run_timeout_ms
from actors.agent.state import AgentState, Life
from actors.behaviour import Decision, Effect, Keep, Now, Send
from actors.messages.agent import AttemptYielded, PreemptTask, SparePreemption, YieldDeferred
from actors.messages.dispatcher import AskToYield, DropTask
from actors.messages.scheduler import SuspendTask
from actors.task_lifecycle import TaskState

FORCED = "forced_preemption"
UNASKED = "it gave way by itself"
NOTHING: Decision[AgentEvent] = Decision()


def begin(policy: AgentPolicy, state: AgentState, message: PreemptTask, now: Now) -> Decision[AgentEvent]:
    """Ask the run to give way, unless it has been already and is pressed to.

    The grace of one that is on its way to its instance, which is not asked before it has it, counts from there. One
    that was spared knows since it was asked first: whoever asks next does not begin at the beginning, but by name.
    """
    life = _run_in_flight(state, message)
    if life is None or (life.preemption is not None and not life.preemption.is_spared):
        return NOTHING
    grace_s = policy.preempt_grace_s if message.grace_s is None else message.grace_s
    way_s = run_timeout_ms(policy, life.timeout_ms) / 1000 if life.phase == "placed" else 0.0
    due = now + way_s + grace_s
    if life.preemption is not None and life.phase == "running" and message.grace_s is None:
        due = max(now, life.preemption.asked_at + grace_s)
    began = PreemptionBegan(message.task_id, *life.run, life.ti_uuid, now, message.reason, grace_s, due)
    ask = AskToYield(message.task_id, *life.run, message.reason, _ms(grace_s))
    return Decision((began,), (Send(dispatcher(life.ti_uuid), ask),))


def spare(state: AgentState, message: SparePreemption, now: Now) -> Decision[AgentEvent]:
    """Let the run give way when it likes to, or not at all."""
    life = _run_in_flight(state, message)
    if life is None or life.preemption is None or life.preemption.is_spared:
        return NOTHING
    return Decision((PreemptionSpared(message.task_id, now),))


def defer(policy: AgentPolicy, state: AgentState, message: YieldDeferred, now: Now) -> Decision[AgentEvent]:
    """The grace counts from the end of the section that the run was in when it was asked. One section, no more.

    After the last word, which may have come before the first was answered, it is the grace of that one.
    """
    life = _run_in_flight(state, message)
    words = life.preemption if life is not None else None
    if words is None or words.is_spared or words.deferred:
        return NOTHING
    grace_s = policy.terminate_grace_s if words.is_last_word else words.grace_s
    due = now + message.deferred_ms / 1000 + grace_s
    return Decision((PreemptionDeferred(message.task_id, message.section, now, due),))


def suspend(state: AgentState, message: AttemptYielded, now: Now) -> Decision[AgentEvent]:
    """The run has given way: keep what it left behind, and put the task back into the line."""
    life = _run_in_flight(state, message)
    if life is None:
        is_known = message.task_id in state.lives
        late = LateReportSeen(message.task_id, message.attempt, message.ti_uuid)
        return Decision((late,)) if is_known else NOTHING
    reason = UNASKED if life.preemption is None else life.preemption.reason
    events: list[AgentEvent] = []
    if life.preemption is None:
        events.append(PreemptionBegan(message.task_id, *life.run, life.ti_uuid, now, reason, 0.0, now))
    events.append(RunSuspended(message.task_id, *life.run, life.ti_uuid, now, message.execution_ms))
    effects: list[Effect] = [Send(SCHEDULER, SuspendTask(message.task_id, *life.run, reason))]
    if message.checkpoint:
        effects.insert(0, Keep(message.task_id, "checkpoint", message.checkpoint))
    return Decision(events, effects)


def press(policy: AgentPolicy, state: AgentState, task_id: str, now: Now) -> Decision[AgentEvent]:
    """The grace is over: the last word, with a grace of its own; after that, the end."""
    life = state.lives[task_id]
    assert life.preemption is not None, "only a run that has to give way has a deadline for it"
    reason = life.preemption.reason
    if not life.preemption.is_last_word:
        grace_s = policy.terminate_grace_s
        told = AskToYield(task_id, *life.run, reason, _ms(grace_s), terminate=True)
        last = TerminationBegan(task_id, *life.run, now, now + grace_s)
        return Decision((last,), (Send(dispatcher(life.ti_uuid), told),))
    error = (
        f"did not give way within {life.preemption.grace_s:g} s, nor within {policy.terminate_grace_s:g} s of being"
        f" told for the last time ({reason or 'no reason given'})"
    )
    final = TaskFinished(task_id, TaskState.FAILED, life.attempt, life.ti_uuid, now, error=error, error_code=FORCED)
    kill = Send(dispatcher(life.ti_uuid), DropTask(task_id, life.attempt, FORCED, life.resumption))
    return Decision((final,), (kill, *announce_end(life, final)))


def _run_in_flight(
    state: AgentState, message: PreemptTask | SparePreemption | YieldDeferred | AttemptYielded
) -> Life | None:
    """The life that the message is about, where it is about its current run."""
    life = state.lives.get(message.task_id)
    is_it = life is not None and life.is_in_flight and life.run == (message.attempt, message.resumption)
    return life if is_it else None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
