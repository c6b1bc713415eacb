"""What the benchmark's workers do."""

from __future__ import annotations

import asyncio

from swarmpilot.worker import Task, WorkerContext


async def do_nothing(task: Task) -> dict[str, int]:
    """Answer at once."""
    return {"number": task.input["number"]}


async def take_steps(task: Task, ctx: WorkerContext) -> dict[str, int]:
    """Sleep for `sleep_s`, where that is given; else steps of `step_s` for ever, with a safe point after each."""
    if "sleep_s" in task.input:
        await asyncio.sleep(task.input["sleep_s"])
        return {}
    step = task.checkpoint.get("step", 0)
    while True:
        await asyncio.sleep(task.input["step_s"])
        step += 1
        await ctx.safe_point({"step": step})
