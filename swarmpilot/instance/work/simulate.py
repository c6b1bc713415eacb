"""Simulated work: waits as long as the task would take and answers like a language model."""

from __future__ import annotations

import asyncio
from typing import Any

from swarmpilot.instance.work import TaskContext, TaskInput, Work
from swarmpilot.instance.work.service_time import service_seconds, token_counts


def simulate(speed: float = 1.0) -> Work:
    """Work that takes the task's service time divided by `speed` and uses no processor."""
    if not speed > 0:
        raise ValueError(f"speed must be above 0, got {speed}")

    async def work(task_input: TaskInput, context: TaskContext) -> dict[str, Any]:
        seconds = service_seconds(task_input, speed)
        if seconds > 0:
            await asyncio.sleep(seconds)
        taken_in, put_out = token_counts(task_input)
        return {
            "status": "success",
            "output": f"simulated answer of {context.model_name}",
            "tokens_used": int(taken_in + put_out),
        }

    return work
