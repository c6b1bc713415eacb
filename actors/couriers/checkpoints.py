"""What an earlier run of a task left behind, for the run that goes on from it."""

from __future__ import annotations

from actors.errands import PushToInstance
from actors.store import Payload, TaskReader


async def checkpoint_for(reader: TaskReader, errand: PushToInstance) -> Payload | None:
    """The task's checkpoint, where there is one; a first run is spared the look into the store."""
    is_first = errand.attempt <= 1 and errand.resumption == 0
    return None if is_first else await reader.payload(errand.task_id, "checkpoint")
