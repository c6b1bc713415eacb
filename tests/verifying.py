"""Holds a store file to every rule of `actors.verification`, as `swarmpilot verify` does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from actors.activity_reader import ActivityRow
from actors.addresses import ActorKind
from actors.behaviour import AnyBehaviour
from actors.store import JournalEntry, TaskRow
from actors.stores import open_record
from actors.verification import Findings, Given, Limits
from actors.verification.reading import verify_record


async def must_be_sound(
    path: Path,
    behaviours: Mapping[ActorKind, AnyBehaviour],
    limits: Limits | None = None,
    *,
    drained: bool = True,
    acknowledged: Collection[str] = (),
    expected_dead: Collection[str] | None = (),
) -> Findings:
    """What was looked at. Raises AssertionError with every violation."""
    findings = await verify_record(
        open_record(f"sqlite:///{path}"),
        behaviours,
        limits or Limits(),
        drained=drained,
        acknowledged=acknowledged,
        expected_dead=expected_dead,
    )
    assert findings.is_sound, "\n".join(str(violation) for violation in findings.violations)
    return findings


@dataclass(slots=True)
class Recorded:
    """A whole record at hand, to be corrupted."""

    given: Given
    entries: list[JournalEntry]
    tasks: list[TaskRow]
    activity: list[ActivityRow]


def read_record(path: Path) -> Recorded:
    """What the store in this file has recorded."""

    async def read() -> Recorded:
        record = open_record(f"sqlite:///{path}")
        await record.open()
        try:
            given = Given(
                leases=await record.leases(),
                snapshots=await record.snapshots(),
                outbox=await record.outbox(),
                trimmed_until=await record.trimmed_until(),
                dead_letters=await record.dead_letters(),
                expected_dead=(),
                drained=True,
            )
            return Recorded(
                given,
                [entry async for entry in record.entries()],
                [row async for row in record.tasks()],
                [row async for row in record.activity()],
            )
        finally:
            await record.close()

    return asyncio.run(read())
