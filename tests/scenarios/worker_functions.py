"""What workers of the scenarios run: they note each start, and end when the test lets them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from swarmpilot import Task


def run(task: Task) -> dict[str, object]:
    """Note `<task>:<attempt>:<pid>` in the folder `input.folder`, then wait for the file that opens this attempt."""
    folder = Path(task.input["folder"])
    with (folder / "starts").open("a") as starts:
        starts.write(f"{task.task_id}:{task.attempt}:{os.getpid()}\n")
    gate = folder / f"open-{task.attempt}"
    while not gate.exists():
        time.sleep(0.02)
    return {"attempt": task.attempt, "pid": os.getpid()}


async def answer(task: Task) -> dict[str, object]:
    """At once."""
    return {"answer": task.input, "model": task.model_name, "metadata": task.metadata}
