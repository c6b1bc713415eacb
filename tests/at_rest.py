"""What a deployment has left behind once all tasks have ended and every process has stopped in good order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from actors.settings import Settings
from actors.store import TaskRow
from actors.stores import open_store
from actors.task_lifecycle import TaskState
from actors.verification import Findings
from gateway.verifying import verify_store
from tests.rabbit_queues import messages_left


@dataclass(frozen=True, slots=True)
class AtRest:
    """`broken` says in words what is wrong, with the record and with the queues: nothing in it, and all is well."""

    findings: Findings
    tasks: list[TaskRow]
    left_in_queues: int
    broken: list[str]


async def at_rest(settings: Settings, acknowledged: Collection[str]) -> AtRest:
    """By every rule of `actors.verification`, and by what no journal shows: payloads, and messages on the broker."""
    findings = await verify_store(settings, drained=True, acknowledged=acknowledged, expected_dead=())
    broken = [str(violation) for violation in findings.violations]
    store = open_store(settings.store)
    await store.open()
    try:
        tasks = await store.tasks(limit=1_000_000)
        for row in tasks:
            if await store.payload(row.task_id, "input") is None:
                broken.append(f"task {row.task_id}: its input is not there")
            if row.state is TaskState.COMPLETED and await store.payload(row.task_id, "result") is None:
                broken.append(f"task {row.task_id}: completed, and its result is not there")
        for found in await store.dead_letters():
            if (letter := await store.dead_letter(found.id)) is not None:
                broken.append(f"dead letter: {letter}")
    finally:
        await store.close()
    left = await messages_left(settings.amqp, settings.shards) if settings.amqp else []
    broken += [f"left in {message}" for message in left]
    return AtRest(findings, tasks, len(left), broken)
