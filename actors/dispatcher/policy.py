"""What a dispatcher may be configured to do differently."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DispatcherPolicy:
    """How patient a dispatcher is with its instance. All times in seconds.

    `push_retries` is how often a push of unknown outcome is repeated at the same instance, at first after
    `push_retry_delay_s`, which doubles up to `push_retry_delay_max_s`. An instance that has answered none of
    those counts as down for `silence_s`, however well it answers probes. `probe_failures` failed probes in a
    row make an instance count as down. So do `refusals` pushes in a row that it refuses through its own fault,
    for `refusal_pause_s`, which doubles up to `refusal_pause_max_s` as long as the next push is refused too. `hold_s`
    is how long a task that arrives before the word of which instance this is waits for it.
    """

    push_retries: int = 3
    push_retry_delay_s: float = 0.5
    push_retry_delay_max_s: float = 10.0
    probe_interval_s: float = 5.0
    probe_timeout_s: float = 2.0
    probe_failures: int = 2
    silence_s: float = 60.0
    refusals: int = 3
    refusal_pause_s: float = 5.0
    refusal_pause_max_s: float = 60.0
    hold_s: float = 10.0

    @property
    def probe_window_s(self) -> float:
        """How long after a probe was sent its answer may still come: until then no other is sent."""
        return self.probe_timeout_s * 1.25
