"""Whether the instance is up: probes, failures in a row, restarts seen by their uptime, and what follows.

One probe is under way at a time: the next is not sent before the window for the last one's answer is over.
A healthy answer changes nothing and is not journaled.
"""

from __future__ import annotations

from actors.addresses import SCHEDULER
from actors.backoff import exponential, spread
from actors.behaviour import Decision, Now, Send
from actors.dispatcher.draft import Draft
from actors.dispatcher.events import (
    ClockJumped,
    DispatcherEvent,
    InstanceHeard,
    InstanceLost,
    InstanceMissed,
    InstanceRecovered,
    InstanceRefused,
    InstanceRestarted,
    ProbeAdvanced,
    ProbeSent,
)
from actors.dispatcher.flights import fail_all
from actors.dispatcher.policy import DispatcherPolicy
from actors.dispatcher.state import DispatcherState, Flight
from actors.dispatcher.yielding import ask_unheard
from actors.errands import Endpoint, ProbeInstance
from actors.messages.dispatcher import ProbeAnswered
from actors.messages.scheduler import InstanceCameUp, InstanceWentDown

_UPTIME_STEP_S = 1.0
"""Some instances tell their uptime in whole seconds."""


def probe(policy: DispatcherPolicy, endpoint: Endpoint, chance: float, now: Now, draft: Draft) -> None:
    """Probe now, and again after the interval."""
    due = now + max(spread(policy.probe_interval_s, chance), policy.probe_window_s)
    draft.add([ProbeSent(now, due)], [ProbeInstance(endpoint)])


def probe_soon(
    policy: DispatcherPolicy, state: DispatcherState, endpoint: Endpoint, chance: float, now: Now, draft: Draft
) -> None:
    """Probe at once, or, while a probe may be under way, as soon as it cannot be any more."""
    free_at = now if state.probe_sent_at is None else state.probe_sent_at + policy.probe_window_s
    if now >= free_at:
        probe(policy, endpoint, chance, now, draft)
    elif state.probe_due is None or free_at < state.probe_due:
        draft.events.append(ProbeAdvanced(free_at))


def hear(
    policy: DispatcherPolicy, state: DispatcherState, answer: ProbeAnswered, now: Now
) -> Decision[DispatcherEvent]:
    """What a probe's answer changes; mostly nothing."""
    draft = Draft()
    if state.instance is None:
        return draft.decision()
    if not answer.alive:
        miss(policy, state, answer.detail, state.flights, now, draft)
        return draft.decision()
    _note_boot(policy, state, answer, now, draft)
    if not draft.events and state.failures:
        draft.events.append(InstanceHeard())
    if not state.is_up and now >= state.down_until:
        draft.add([InstanceRecovered()], [Send(SCHEDULER, InstanceCameUp(state.ti_uuid))])
    draft.effects += ask_unheard(state)
    return draft.decision()


def miss(
    policy: DispatcherPolicy, state: DispatcherState, detail: str, flights: dict[str, Flight], now: Now, draft: Draft
) -> None:
    """The instance could not be reached; `flights` are those that this may cost."""
    if not state.is_up and not flights:
        return
    failures = state.failures + 1
    draft.events.append(InstanceMissed(failures, detail))
    if failures >= policy.probe_failures:
        lose(state, detail, flights, now, draft)


def lose(state: DispatcherState, reason: str, flights: dict[str, Flight], until: Now, draft: Draft) -> None:
    """The instance counts as down, until it answers a probe at or after `until`."""
    if state.is_up:
        draft.add([InstanceLost(reason, until)], [Send(SCHEDULER, InstanceWentDown(state.ti_uuid, reason))])
    draft.add(*fail_all(state, flights.items(), f"instance down: {reason}"))


def fall_silent(policy: DispatcherPolicy, state: DispatcherState, detail: str, now: Now, draft: Draft) -> None:
    """The instance answers no push, though it may well answer probes: it counts as down for a while.

    Only so may a task whose push is in doubt go elsewhere. What the instance has accepted stays with it as
    long as it answers probes: that may still end.
    """
    reason = f"no answer to {policy.push_retries + 1} pushes, last: {detail}"
    lose(state, reason, _doubtful(state), now + policy.silence_s, draft)


def note_refusal(
    policy: DispatcherPolicy, state: DispatcherState, task_id: str, detail: str, now: Now, draft: Draft
) -> None:
    """The instance refused `task_id` through its own fault; too often in a row, and it counts as down for a while.

    The count outlives the pause: the first push after it is a trial, and only an accepted one ends the matter.
    """
    refusals = state.refusals + 1
    draft.events.append(InstanceRefused(refusals, detail))
    if refusals >= policy.refusals:
        pause_s = exponential(refusals - policy.refusals + 1, policy.refusal_pause_s, policy.refusal_pause_max_s)
        others = {other: flight for other, flight in _doubtful(state).items() if other != task_id}
        lose(state, f"{refusals} pushes refused in a row, last: {detail}", others, now + pause_s, draft)


def _doubtful(state: DispatcherState) -> dict[str, Flight]:
    return {task_id: flight for task_id, flight in state.flights.items() if flight.phase != "accepted"}


def _note_boot(policy: DispatcherPolicy, state: DispatcherState, answer: ProbeAnswered, now: Now, draft: Draft) -> None:
    """Fail what the instance accepted before it was started anew.

    `now - uptime` is late by the probe's way and the uptime's rounding, at most by `slack`. Where the
    estimate has moved by more than that, the instance was restarted since, or our clock has jumped; else only what was
    accepted before the earliest possible start is surely forgotten.
    """
    if answer.uptime_s is None:
        return
    booted_at = now - answer.uptime_s
    slack = policy.probe_timeout_s + _UPTIME_STEP_S
    moved = 0.0 if state.booted_at is None else booted_at - state.booted_at
    if answer.goes_on and abs(moved) > slack:
        draft.events.append(ClockJumped(now, moved))
        return
    surely_before = booted_at if moved > slack else booted_at - slack
    forgotten = {
        task_id: flight
        for task_id, flight in state.flights.items()
        if flight.accepted_at is not None and flight.accepted_at < surely_before
    }
    if forgotten or moved > slack:
        draft.events.append(InstanceRestarted(booted_at))
        draft.add(*fail_all(state, forgotten.items(), "instance restarted"))
    elif state.booted_at is None or moved < -slack:
        draft.events.append(InstanceHeard(booted_at))
