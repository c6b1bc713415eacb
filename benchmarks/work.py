"""What the benchmark's workers do."""

from __future__ import annotations

from swarmpilot.worker import Task


async def do_nothing(task: Task) -> dict[str, int]:
    """Answer at once."""
    return {"number": task.input["number"]}
