"""What an agent may be configured to do differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.agent_lifecycle import LifecycleState as S

LIFECYCLE_TIMEOUTS: Mapping[S, float] = {
    S.INITIALIZING: 60.0,
    S.WAITING_RESOURCES: 300.0,
    S.SUSPENDED: 3600.0,
    S.RECOVERING: 120.0,
}


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """How often and how long an agent tries.

    `max_attempts` counts the first one too; `retry_delay_s` is the delay before the second and doubles
    from there up to `retry_delay_max_s`. `run_timeout_s` bounds an attempt whose task states no timeout of
    its own. A run that was asked to give way and has not within `preempt_grace_s` is told so for the last time,
    and stopped `terminate_grace_s` later. The `callback_*` fields say the same as the first of posting a final record
    to a `callback_url`.
    `heard_within_s` is how long after a restart of the process nothing ends for being late: what ended meanwhile is
    reported by then, instances and workers trying again every 5 s at least.
    `ended_entries` is how many ended tasks an activity buffer remembers, and `ended_kept_s` for how long (s).
    `lifecycle_timeouts` is how long (s) an agent may stay in each of these states before it has failed; that of
    shutting down comes with each shutdown.
    """

    max_attempts: int = 3
    retry_delay_s: float = 0.5
    retry_delay_max_s: float = 30.0
    run_timeout_s: float = 3600.0
    preempt_grace_s: float = 30.0
    terminate_grace_s: float = 5.0
    callback_attempts: int = 8
    callback_delay_s: float = 1.0
    callback_delay_max_s: float = 300.0
    heard_within_s: float = 6.0
    ended_entries: int = 100
    ended_kept_s: float = 7 * 86_400.0
    lifecycle_timeouts: Mapping[S, float] = field(default_factory=lambda: LIFECYCLE_TIMEOUTS)
