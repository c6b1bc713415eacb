"""The work of the benchmark's workers: none."""

from __future__ import annotations

from swarmpilot.worker import Task


async def run(task: Task) -> dict[str, int]:
    """Answer at once."""
    return {"number": task.input["number"]}
