"""What is still under way when it should not be: the tasks, their stories, the ends of lines."""

from __future__ import annotations

from collections import Counter

from actors.settings import Settings
from actors.stores import open_store
from actors.task_lifecycle import TERMINAL, TaskState

TOLD = 3
"""Stories of so many tasks."""


async def tell_unfinished(settings: Settings) -> str:
    """For whoever looks for the cause."""
    store = open_store(settings.store)
    await store.open()
    try:
        left = await store.tasks(states=set(TaskState) - set(TERMINAL), limit=10_000)
        lines = [f"{count} tasks are {state}" for state, count in Counter(row.state for row in left).items()]
        for row in left[-TOLD:]:
            lines.append(f"{row}")
            lines += [
                f"  {entry.at:.3f} {entry.shard}:{entry.seq} {entry.kind} {entry.body[:300]!r}"
                for entry in await store.story(row.task_id)
            ]
        rows = await store.outbox(sorted(await store.shards()))
        lines.append(f"{len(rows)} messages wait to be sent: {[row.id for row in rows[:20]]}")
        return "\n".join(lines)
    finally:
        await store.close()
