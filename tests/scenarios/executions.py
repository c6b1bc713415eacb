"""What instances have really run: a line in a file for each execution, written before anything else is done."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

from swarmpilot.instance import TaskContext


async def note(task_input: dict[str, Any], context: TaskContext) -> dict[str, Any]:
    """Note `<task>:<attempt>` in the file `input.file`, then take `input.ms` milliseconds."""
    note_execution(task_input["file"], context.task_id, context.attempt)
    await asyncio.sleep(task_input.get("ms", 0) / 1000.0)
    return {"task_id": context.task_id}


def note_execution(path: str, task_id: str, attempt: int) -> None:
    """One line, in one piece."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, f"{task_id}:{attempt}\n".encode())
    finally:
        os.close(file)


def executions(file: Path) -> Counter[tuple[str, int]]:
    """How often each attempt of each task was executed."""
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter((task_id, int(attempt)) for task_id, _, attempt in (line.rpartition(":") for line in lines))
