"""Why a task is where it is, as a client reads it from `/queue/explain`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class PlacementCandidate:
    """An instance as it was when the task was placed. Times in milliseconds, None where they did not count.

    `score` is what the strategy went by, the least is best; None for who was passed over.
    """

    ti_uuid: str
    host: str
    port: int
    condition: str
    capacity: int
    running: int
    waiting: int
    could_be_chosen: bool
    execution_ms: float
    completion_ms: float | None
    completion_error_ms: float | None
    completion_q95_ms: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Placement:
    """Why a task was started on `chosen` ("": it waits) at `at` (Unix seconds). `unit` says what scores are."""

    task_id: str
    status: str
    why: str
    chosen: str
    meant: str
    strategy: str
    unit: str
    at: float
    candidates: tuple[PlacementCandidate, ...]


def placement(body: dict[str, Any]) -> Placement:
    """From the JSON of an answer."""
    names = [field.name for field in fields(PlacementCandidate)]
    candidates = tuple(PlacementCandidate(*(each[name] for name in names)) for each in body["candidates"])
    return Placement(
        str(body["task_id"]),
        str(body["status"]),
        str(body["why"]),
        str(body["chosen"]),
        str(body["meant"]),
        str(body["strategy"]),
        str(body["unit"]),
        float(body["at"]),
        candidates,
    )
