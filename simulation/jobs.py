"""What is to be done: requests that arrive, how long each takes, and how their arrivals are scaled to a load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a workload. `arrival_s` counts from the first; `max_tokens` is what its sender allows, 0: unsaid.

    `output_tokens` is known only when it has been served. `deadline_s` counts from the arrival, None where it has none;
    higher `priority` is more important.
    """

    arrival_s: float
    input_tokens: int
    output_tokens: int
    task_kind: str = ""
    client: str = ""
    max_tokens: int = 0
    priority: int = 0
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """Seconds on an instance of speed 1: so much a task, a token in and a token out."""

    base_s: float = 0.02
    input_s: float = 0.0002
    output_s: float = 0.02

    def of(self, request: Request) -> float:
        """How long an instance of speed 1 takes."""
        return self.base_s + self.input_s * request.input_tokens + self.output_s * request.output_tokens


@dataclass(frozen=True, slots=True)
class Job:
    """A request at its time on the virtual clock (s), and what it costs at speed 1 (s)."""

    arrival_s: float
    service_s: float
    request: Request


def jobs_at_load(requests: Sequence[Request], service: ServiceTime, load: float, total_speed: float) -> list[Job]:
    """The requests in order of arrival, all gaps stretched alike, so that they ask for `load` of `total_speed`.

    Load is work over speed: the sum of service times, over the time from first to last arrival times `total_speed`.
    Raises ValueError where there is no such time, and where a request would take none.
    """
    ordered = sorted(requests, key=lambda request: request.arrival_s)
    if len(ordered) < 2 or ordered[-1].arrival_s <= ordered[0].arrival_s:
        raise ValueError("the workload must have two requests at different times at least, to have a load")
    first, last = ordered[0].arrival_s, ordered[-1].arrival_s
    costs = [service.of(request) for request in ordered]
    if min(costs) <= 0:
        raise ValueError(
            "every request must take some time: the seconds a task, an input and an output token add up to 0"
        )
    stretch = sum(costs) / (last - first) / total_speed / load
    return [
        Job((request.arrival_s - first) * stretch, cost, request) for request, cost in zip(ordered, costs, strict=True)
    ]
