"""Verifies what a store has recorded: reads it through the port, shows it to the checkers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from actors.addresses import ActorKind
from actors.behaviour import AnyBehaviour
from actors.record_reader import RecordReader
from actors.verification.checker import Given, Limits
from actors.verification.findings import Findings
from actors.verification.verification import Verification


async def verify_record(
    record: RecordReader,
    behaviours: Mapping[ActorKind, AnyBehaviour],
    limits: Limits,
    *,
    drained: bool = False,
    acknowledged: Collection[str] = (),
    expected_dead: Collection[str] | None = None,
) -> Findings:
    """What is wrong with the record, which is opened and closed here; see `Given`. Raises StoreUnavailable."""
    await record.open()
    try:
        given = Given(
            limits,
            drained,
            await record.trimmed_until(),
            await record.leases(),
            await record.snapshots(),
            await record.outbox(),
            acknowledged,
            await record.dead_letters(),
            expected_dead,
        )
        verification = Verification(behaviours, given)
        async for entry in record.entries():
            verification.entry(entry)
        async for row in record.tasks():
            verification.task(row)
        async for activity in record.activity():
            verification.activity(activity)
        return verification.finish()
    finally:
        await record.close()
