"""Whether a task is tried again, when, how long an attempt may last, and what is said when none is left."""

from __future__ import annotations

from collections.abc import Sequence

from actors.agent.policy import AgentPolicy
from actors.backoff import exponential

_LONGEST_REASON = 400


def has_attempt_left(policy: AgentPolicy, attempt: int) -> bool:
    """Whether another attempt may follow attempt `attempt` (from 1)."""
    return attempt < policy.max_attempts


def delay_before_next(policy: AgentPolicy, attempt: int) -> float:
    """Seconds to wait after attempt `attempt` failed. Not spread by chance: the line orders what comes due."""
    return exponential(attempt, policy.retry_delay_s, policy.retry_delay_max_s)


def run_timeout_ms(policy: AgentPolicy, timeout_ms: int | None) -> float:
    """How long an attempt may run, in milliseconds; `timeout_ms` is what the task states."""
    return policy.run_timeout_s * 1000 if timeout_ms is None else float(timeout_ms)


def describe_failure(attempt: int, ti_uuid: str, reason: str) -> str:
    """One attempt's part of the final error text."""
    return f"attempt {attempt} on {ti_uuid}: {shorten(reason)}"


def describe_all(failures: Sequence[str]) -> str:
    """The error text of a task whose every attempt failed."""
    return "; ".join(failures)


def shorten(text: str) -> str:
    """The text, cut where it is too long to be kept with every task."""
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
