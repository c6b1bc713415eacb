"""How long each fault was felt: from what clients saw, and from what the processes say of their shards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from actors.store import TaskRow
from tests.storm.faults import Fault
from tests.storm.load import Load

AROUND_S = 1.0
"""Tasks are looked at that were submitted so shortly before a fault or after it (s)."""

HEARD_OF_S = 20.0
"""After so long another process took shards for another reason (s)."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a fault that came alone. `first`: until a task that was submitted after it had ended; `last`: until
    all had that were submitted within a second of it, None where another fault came before that; `taken`: until another
    process had its shards, where one did.
    """

    what: str
    whom: str
    first: float
    last: float | None
    taken: float | None


@dataclass(frozen=True, slots=True)
class Taking:
    """`whom` says that it hosts more shards since `at` (Unix seconds)."""

    whom: str
    at: float


def submits_and_ends(load: Load, rows: Sequence[TaskRow]) -> list[tuple[float, float]]:
    """When a client began to submit a task, and when it had ended, of all that have."""
    ended = {row.task_id: row.ended_at for row in rows if row.ended_at is not None}
    return [(request.begun_at, ended[request.task_id]) for request in load.requests if request.task_id in ended]


def recoveries(
    faults: Sequence[Fault], done: Sequence[tuple[float, float]], takings: Sequence[Taking]
) -> list[Recovery]:
    """Of the faults that came alone: no other shortly before, nor before they were over and tasks ended again."""
    found = []
    for fault in faults:
        first = min((end for begun, end in done if begun >= fault.at), default=None)
        last = max((end for begun, end in done if abs(begun - fault.at) <= AROUND_S), default=fault.at)
        taken = min((t.at for t in takings if _is_taken_from(fault, t)), default=None)
        if first is None or not _is_alone(fault, max(first, taken or first, fault.healed_at), faults):
            continue
        all_ended = last - fault.at if _is_alone(fault, last, faults) else None
        since = None if taken is None else taken - fault.at
        found.append(Recovery(fault.what, fault.whom, first - fault.at, all_ended, since))
    return found


def _is_alone(fault: Fault, until: float, faults: Iterable[Fault]) -> bool:
    others = (other for other in faults if other is not fault)
    return not any(other.at < until and other.healed_at > fault.at - AROUND_S for other in others)


def _is_taken_from(fault: Fault, taking: Taking) -> bool:
    """A peer is who has the same role: scheduler-2 for scheduler-1."""
    role, _, number = fault.whom.rpartition("-")
    is_peer = bool(number.isdigit()) and taking.whom.startswith(f"{role}-") and taking.whom != fault.whom
    return is_peer and fault.at < taking.at < min(fault.healed_at, fault.at + HEARD_OF_S)


def takings(folder: Path) -> list[Taking]:
    """What the logs say, each named after its process."""
    return [
        Taking(log.stem, datetime.fromisoformat(said["timestamp"]).timestamp())
        for log in sorted(folder.glob("*.log"))
        for said in events(log)
        if said["event"] == "hosting"
    ]


def events(log: Path) -> list[dict[str, str]]:
    """Its structured lines; one that was cut off by a kill is left out."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and line.endswith("}"):
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if "event" in said and "timestamp" in said:
                found.append(said)
    return found
