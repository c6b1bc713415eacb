"""A task reaches the instance, or its agent learns that it cannot.

What the instance refused, or what never left, may go elsewhere at once. What was sent and not answered may
have arrived: it goes to the same instance again, under the same idempotency key, and elsewhere only once
that instance counts as down. An instance that leaves `push_retries` repeats unanswered counts as down. So
does, for a while, one that refuses everything through its own fault: it would have a place free at any time,
and would use up the attempts of every task while others are busy.
"""

from __future__ import annotations

from typing import assert_never

from actors.addresses import SCHEDULER, agent
from actors.backoff import exponential, spread
from actors.behaviour import Decision, Now, Send
from actors.dispatcher.draft import Draft
from actors.dispatcher.events import (
    DispatcherEvent,
    InstanceAttended,
    InstanceHeard,
    InstanceReleased,
    PushAccepted,
    PushBegan,
    PushDoubted,
    PushHeld,
    PushRepeated,
)
from actors.dispatcher.flights import cancel, fail_all
from actors.dispatcher.health import fall_silent, miss, note_refusal, probe_soon
from actors.dispatcher.policy import DispatcherPolicy
from actors.dispatcher.state import DispatcherState, Flight, Instance
from actors.dispatcher.yielding import ask_again, ask_unheard
from actors.errands import Endpoint, PushToInstance
from actors.messages.agent import AttemptStarted
from actors.messages.dispatcher import AttendInstance, PushAnswered, PushTask
from actors.messages.scheduler import InstanceCameUp

_REMOVED = "the instance is not registered"


def attend(
    policy: DispatcherPolicy, state: DispatcherState, message: AttendInstance, chance: float, now: Now
) -> Decision[DispatcherEvent]:
    """Look after the instance: probe it, and push what arrived before this word.

    Whoever registers an instance has just reached it, so one that was down is up again; whether it was
    started anew in between, the probe will tell. Of a worker the incarnation tells: what was pushed to an
    earlier process, accepted or not, is lost. It is another attempt that goes to this one, because the earlier
    process may only have been frozen: what it still says of its attempt must not count as this one's.
    """
    draft = Draft()
    draft.events.append(
        InstanceAttended(
            message.host,
            message.port,
            message.protocol,
            message.model_name,
            message.capacity,
            message.capabilities,
            message.incarnation,
        )
    )
    if state.instance is not None and message.incarnation != state.instance.incarnation:
        gone = [(task_id, flight) for task_id, flight in state.flights.items() if flight.phase != "held"]
        draft.add(*fail_all(state, gone, "worker restarted"))
        # A push that was under way when the processes changed may yet reach the new one.
        for task_id, flight in gone:
            if flight.phase != "accepted":
                draft.effects += cancel(state.instance, task_id, flight)
    endpoint = Endpoint(message.host, message.port, message.protocol)
    probe_soon(policy, state, endpoint, chance, now, draft)
    if not state.is_up:
        draft.effects.append(Send(SCHEDULER, InstanceCameUp(state.ti_uuid)))
    for task_id, flight in state.flights.items():
        if flight.phase == "held":
            draft.events.append(PushBegan(task_id, flight.attempt, flight.agent_id, flight.resumption))
            draft.effects.append(
                PushToInstance(endpoint, task_id, flight.attempt, message.model_name, flight.resumption)
            )
    return draft.decision()


def release(state: DispatcherState) -> Decision[DispatcherEvent]:
    """Stop looking after the instance; what it should still hold, against expectation, is failed."""
    failed, told = fail_all(state, state.flights.items(), "the instance was removed")
    return Decision((InstanceReleased(), *failed), told)


def push(policy: DispatcherPolicy, state: DispatcherState, task: PushTask, now: Now) -> Decision[DispatcherEvent]:
    """Begin a flight, unless the instance is down; hold it where AttendInstance was overtaken on the way."""
    before = state.flights.get(task.task_id)
    if before is not None and before.run >= (task.attempt, task.resumption):
        return Decision()
    if state.instance is None:
        held = PushHeld(task.task_id, task.attempt, task.agent_id, now + policy.hold_s, task.resumption)
        return Decision((held,))
    if not state.is_up:
        return Decision(*fail_all(state, [(task.task_id, _flight_of(task))], f"instance down: {state.down_reason}"))
    began = PushBegan(task.task_id, task.attempt, task.agent_id, task.resumption)
    return Decision((began,), (_push_errand(state.instance, task.task_id, _flight_of(task)),))


def hear(
    policy: DispatcherPolicy, state: DispatcherState, answer: PushAnswered, chance: float, now: Now
) -> Decision[DispatcherEvent]:
    """What came of a push; of one whose flight has ended meanwhile, nothing."""
    flight = state.flights.get(answer.task_id)
    instance = state.instance
    if instance is None or flight is None or flight.phase == "accepted":
        return Decision()
    if flight.run != (answer.attempt, answer.resumption):
        return Decision()
    draft = Draft()
    match answer.outcome:
        case "accepted" if flight.saw_restart:
            # By the process before or by this one? Under the same key the question costs nothing.
            draft.events.append(PushDoubted(answer.task_id, answer.attempt, flight.tries, now, "instance restarted"))
        case "accepted":
            at = now if answer.sent_at is None else min(answer.sent_at, now)
            draft.events.append(PushAccepted(answer.task_id, answer.attempt, answer.remote_id, at))
            started = AttemptStarted(answer.task_id, answer.attempt, answer.resumption)
            draft.effects.append(Send(agent(flight.agent_id), started))
            draft.effects += ask_again(instance, answer.task_id, flight)
            if state.failures:
                draft.events.append(InstanceHeard())
        case "refused":
            draft.add(*fail_all(state, [(answer.task_id, flight)], f"refused: {answer.detail}"))
            if answer.is_fault:
                note_refusal(policy, state, answer.task_id, answer.detail, now, draft)
        case "unreachable":
            _note_unreachable(policy, state, answer, flight, now, draft)
            probe_soon(policy, state, instance.endpoint, chance, now, draft)
        case "unknown":
            _note_unknown(policy, state, answer, flight, chance, now, draft)
            probe_soon(policy, state, instance.endpoint, chance, now, draft)
        case _:
            assert_never(answer.outcome)
    return draft.decision()


def wake(policy: DispatcherPolicy, state: DispatcherState, now: Now) -> Decision[DispatcherEvent]:
    """Repeat the pushes that have waited long enough; give up holding what nobody claims."""
    draft = Draft()
    for task_id in state.flight_deadlines.due_by(now):
        flight = state.flights[task_id]
        if state.instance is None:
            draft.add(*fail_all(state, [(task_id, flight)], _REMOVED))
        else:
            draft.events.append(PushRepeated(task_id, flight.attempt))
            draft.effects.append(_push_errand(state.instance, task_id, flight))
    return draft.decision()


def resume(state: DispatcherState) -> Decision[DispatcherEvent]:
    """Push again what was being pushed when the process ended, under the same idempotency keys."""
    instance = state.instance
    if instance is None:
        return Decision()
    pushing = (item for item in state.flights.items() if item[1].phase == "pushing")
    pushes = [_push_errand(instance, task_id, flight) for task_id, flight in pushing]
    return Decision((), [*pushes, *ask_unheard(state)])


def _note_unreachable(
    policy: DispatcherPolicy,
    state: DispatcherState,
    answer: PushAnswered,
    flight: Flight,
    now: Now,
    draft: Draft,
) -> None:
    """Nothing was sent: the task may go elsewhere at once, and the instance is in doubt as after a failed probe."""
    draft.add(*fail_all(state, [(answer.task_id, flight)], f"unreachable: {answer.detail}"))
    others = {task_id: other for task_id, other in state.flights.items() if task_id != answer.task_id}
    miss(policy, state, answer.detail, others, now, draft)


def _note_unknown(
    policy: DispatcherPolicy,
    state: DispatcherState,
    answer: PushAnswered,
    flight: Flight,
    chance: float,
    now: Now,
    draft: Draft,
) -> None:
    """It may have arrived: the same instance again, after a while."""
    tries = flight.tries + 1
    if tries > policy.push_retries:
        fall_silent(policy, state, answer.detail, now, draft)
    else:
        delay_s = spread(exponential(tries, policy.push_retry_delay_s, policy.push_retry_delay_max_s), chance)
        draft.events.append(PushDoubted(answer.task_id, answer.attempt, tries, now + delay_s, answer.detail))


def _push_errand(instance: Instance, task_id: str, flight: Flight) -> PushToInstance:
    return PushToInstance(instance.endpoint, task_id, flight.attempt, instance.model_name, flight.resumption)


def _flight_of(task: PushTask) -> Flight:
    return Flight(task.attempt, task.agent_id, "pushing", resumption=task.resumption)
