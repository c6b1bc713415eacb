"""Whether an instance is still the one that told its uptime last, by clocks that nobody sets.

The actors decide by the wall clock, which may jump: a machine was asleep, was moved, or had its clock set right. By
it alone every instance would then seem to have been started anew, and what runs there would be run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from actors.errands import Endpoint
from actors.messages.dispatcher import ProbeAnswered

SLACK_S = 3.0
"""By how much an uptime may be off: some are told in whole seconds, and a probe takes its time (s)."""

MOST = 10_000
"""Endpoints that are remembered."""


class Uptimes:
    """What each instance has told last, and when, by this process's steady clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[Endpoint, tuple[float, float]] = {}

    def note(self, endpoint: Endpoint, answer: ProbeAnswered) -> ProbeAnswered:
        """The answer, with what it says of whether the instance goes on."""
        if answer.uptime_s is None:
            return answer
        uptime_s, at = answer.uptime_s, self._clock()
        before = self._told.pop(endpoint, None)
        self._told[endpoint] = uptime_s, at
        if len(self._told) > MOST:
            del self._told[next(iter(self._told))]
        if before is None or before[0] <= SLACK_S:  # that short, another start would look the same
            return answer
        goes_on = abs((uptime_s - before[0]) - (at - before[1])) <= SLACK_S
        return replace(answer, goes_on=True) if goes_on else answer
