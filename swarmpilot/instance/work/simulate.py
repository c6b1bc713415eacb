"""Simulated work: waits as long as the task would take and answers like a language model."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from swarmpilot.instance.work import TaskContext, TaskInput, Work
from swarmpilot.instance.work.service_time import service_seconds, token_counts

STEP_S = 0.02
"""Between two safe points of a preemptible task (s)."""


def simulate(speed: float = 1.0, *, preemptible: bool = False) -> Work:
    """Work that takes the task's service time divided by `speed` and uses no processor.

    A `preemptible` one goes on where an earlier run has stopped, whatever the speed of that: its checkpoint is
    {"done": from 0 to 1}.
    """
    if not speed > 0:
        raise ValueError(f"speed must be above 0, got {speed}")

    async def work(task_input: TaskInput, context: TaskContext) -> dict[str, Any]:
        seconds = service_seconds(task_input, speed)
        if preemptible:
            await _in_steps(seconds, context)
        elif seconds > 0:
            await asyncio.sleep(seconds)
        taken_in, put_out = token_counts(task_input)
        return {
            "status": "success",
            "output": f"simulated answer of {context.model_name}",
            "tokens_used": int(taken_in + put_out),
        }

    return work


async def _in_steps(seconds: float, context: TaskContext) -> None:
    said = context.checkpoint.get("done")
    before = float(said) if isinstance(said, int | float) and 0 <= said <= 1 else 0.0
    begun, left = time.monotonic(), seconds * (1 - before)
    while (passed := time.monotonic() - begun) < left:
        await context.safe_point({"done": before + passed / seconds})
        await asyncio.sleep(min(STEP_S, left - passed))
