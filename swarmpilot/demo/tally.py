"""What came of the demo's tasks: counts, latencies by priority, shares of the instances. Pure; times are given."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sent:
    """A task that the scheduler has accepted, and when it was submitted (seconds of any one clock)."""

    task_id: str
    priority: str
    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A task that has ended. Latency and execution in milliseconds; the rest of the latency was waiting."""

    task_id: str
    priority: str
    ti_uuid: str
    latency_ms: float
    execution_ms: float
    failure: str
    at: float

    @property
    def waiting_ms(self) -> float:
        """Everything between submit and end that was not execution."""
        return max(0.0, self.latency_ms - self.execution_ms)


@dataclass(slots=True)
class Tally:
    """The accounts of one run."""

    submitted: int = 0
    refused: list[str] = field(default_factory=list)
    in_flight: dict[str, Sent] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    recent: deque[Finished] = field(default_factory=lambda: deque(maxlen=8))
    failed: int = 0

    def sent(self, task: Sent) -> None:
        """The scheduler has accepted a task."""
        self.submitted += 1
        self.in_flight[task.task_id] = task

    def refuse(self, reason: str) -> None:
        """The scheduler has not accepted a task."""
        self.submitted += 1
        self.refused.append(reason)

    def ended(self, task_id: str, ti_uuid: str, execution_ms: float, failure: str, at: float) -> None:
        """A task has ended; only the first word of it counts."""
        sent = self.in_flight.pop(task_id, None)
        if sent is None:
            return
        done = Finished(task_id, sent.priority, ti_uuid, (at - sent.at) * 1000.0, execution_ms, failure, at)
        self.finished.append(done)
        self.recent.append(done)
        self.failed += bool(failure)

    @property
    def completed(self) -> int:
        """How many ended well."""
        return len(self.finished) - self.failed

    @property
    def is_clean(self) -> bool:
        """Whether every task was accepted and ended well."""
        return bool(self.submitted) and self.completed == self.submitted

    def in_flight_of(self, priority: str) -> int:
        """How many tasks of this priority wait or run."""
        return sum(task.priority == priority for task in self.in_flight.values())

    def latencies(self, priority: str | None = None) -> list[float]:
        """Latencies in ms of the ended tasks, of one priority or of all, in ascending order."""
        return sorted(task.latency_ms for task in self.finished if priority in (None, task.priority))

    def per_second(self, now: float, seconds: int) -> list[int]:
        """How many ended in each of the last `seconds` seconds, oldest first."""
        counts = [0] * seconds
        for task in reversed(self.finished):
            age = int(now - task.at)
            if age >= seconds:
                break
            counts[seconds - 1 - max(0, age)] += 1
        return counts

    def by_instance(self) -> dict[str, list[Finished]]:
        """The ended tasks of each instance, by its ti_uuid."""
        shares: dict[str, list[Finished]] = {}
        for task in self.finished:
            shares.setdefault(task.ti_uuid, []).append(task)
        return shares


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie (nearest rank); None of none."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else None
