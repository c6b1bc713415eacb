"""What the storm's workers run: each execution leaves a line, then takes the time that the task says."""

from __future__ import annotations

import asyncio
from typing import Any

from swarmpilot import Task
from tests.scenarios.executions import note_execution


async def work(task: Task) -> dict[str, Any]:
    """An agent's task."""
    note_execution(task.input["file"], task.task_id, task.attempt)
    await asyncio.sleep(task.input["ms"] / 1000.0)
    return {"task_id": task.task_id}
