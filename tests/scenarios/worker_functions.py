"""What workers of the scenarios run: they note each start, and end when the test lets them."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

from swarmpilot import SyncWorkerContext, Task, WorkerContext


def run(task: Task) -> dict[str, object]:
    """Note `<task>:<attempt>:<pid>` in the folder `input.folder`, then wait for the file that opens this attempt."""
    folder = Path(task.input["folder"])
    with (folder / "starts").open("a") as starts:
        starts.write(f"{task.task_id}:{task.attempt}:{os.getpid()}\n")
    while not _gate(task).exists():
        time.sleep(0.02)
    return {"attempt": task.attempt, "pid": os.getpid()}


async def answer(task: Task) -> dict[str, object]:
    """At once."""
    return {"answer": task.input, "model": task.model_name, "metadata": task.metadata}


async def steps(task: Task, ctx: WorkerContext) -> dict[str, object]:
    """A hundred steps, each noted as `<step>:<attempt>:<resumption>:<pid>` in the file `steps-<task>`.

    At the n-th step of `input.pauses` it waits to be asked to give way for the n-th time. In its n-th attempt it waits,
    after the n-th step of `input.holds`, for the file that opens this attempt.
    """
    pauses, holds = task.input.get("pauses", []), task.input.get("holds", [])
    begun = task.checkpoint.get("step", 0)
    for step in range(begun, 100):
        _note(task, step)
        if step in pauses[task.resumption : task.resumption + 1]:
            while not ctx.preempt_requested:  # noqa: ASYNC110 - a function has nothing to await for it
                await asyncio.sleep(0.01)
        await ctx.safe_point({"step": step + 1})
        ctx.progress((step + 1) / 100)
        if step in holds[task.attempt - 1 : task.attempt]:
            while not _gate(task).exists():
                await asyncio.sleep(0.01)
                await ctx.safe_point({"step": step + 1})
    return {"from": begun, "attempt": task.attempt, "pid": os.getpid()}


def steps_in_a_thread(task: Task, ctx: SyncWorkerContext) -> dict[str, object]:
    """The same, in a thread."""
    pauses = task.input["pauses"]
    begun = task.checkpoint.get("step", 0)
    for step in range(begun, 100):
        _note(task, step)
        if step in pauses[task.resumption : task.resumption + 1]:
            while not ctx.preempt_requested:
                time.sleep(0.01)
        ctx.safe_point({"step": step + 1})
    return {"from": begun, "attempt": task.attempt, "pid": os.getpid()}


def deaf(task: Task, ctx: SyncWorkerContext) -> dict[str, object]:
    """Knows what it is asked, and does not care, until the file that opens this attempt is there."""
    _note(task, 0)
    while not ctx.preempt_requested and not _gate(task).exists():
        time.sleep(0.01)
    _note(task, 1)
    while not _gate(task).exists():
        time.sleep(0.01)
    return {}


async def stubborn(task: Task) -> None:
    """Does not let itself be cancelled."""
    _note(task, 0)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)


def _note(task: Task, step: int) -> None:
    with Path(task.input["folder"], f"steps-{task.task_id}").open("a") as steps:
        steps.write(f"{step}:{task.attempt}:{task.resumption}:{os.getpid()}\n")


def _gate(task: Task) -> Path:
    return Path(task.input["folder"], f"open-{task.attempt}")
