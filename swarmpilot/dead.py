"""Dead letters as the scheduler describes them. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """A message that could have no effect, since `failed_at` and for `reason`, after `tries` tries.

    `failures` (time and reason of each try) and the `message` itself are there where one letter was asked for.
    """

    id: str
    kind: str
    to: str
    name: str
    task_id: str
    failed_at: float
    reason: str
    tries: int
    failures: tuple[tuple[float, str], ...] = ()
    message: Any = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a replay: `replayed`, `failed` (for `reason`), or `sent`, where nothing is known yet."""

    outcome: str
    reason: str


def dead_record(body: dict[str, Any]) -> DeadRecord:
    """A record from the JSON of an answer."""
    return DeadRecord(
        id=str(body["id"]),
        kind=str(body["kind"]),
        to=str(body["to"]),
        name=str(body["name"]),
        task_id=str(body["task_id"]),
        failed_at=float(body["failed_at"]),
        reason=str(body["reason"]),
        tries=int(body["tries"]),
        failures=tuple((float(each["at"]), str(each["reason"])) for each in body.get("failures", ())),
        message=body.get("message"),
    )
