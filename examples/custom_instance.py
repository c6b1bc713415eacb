"""Your own functions as TaskInstances: a task's input goes in, what is returned is the result.

    swarmpilot start
    swarmpilot instance --model words --call examples.custom_instance:count_words --capacity 4
    swarmpilot submit words '{"text": "one two two"}' --wait

or, without the command line, run this file: `python examples/custom_instance.py`.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

from swarmpilot import TaskContext, TaskInstance


def count_words(task_input: dict[str, Any]) -> dict[str, Any]:
    """A plain function runs in a thread; what it raises becomes an error result."""
    text = task_input["text"]
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {text!r}")
    counts = Counter(text.split())
    return {"words": counts.total(), "most_common": counts.most_common(3)}


async def nap(task_input: dict[str, Any], context: TaskContext) -> dict[str, Any]:
    """An async function runs in the event loop. The context is optional."""
    await asyncio.sleep(task_input.get("seconds", 1.0))
    return {"task": context.task_id, "attempt": context.attempt, "for": context.metadata.get("user_id")}


if __name__ == "__main__":
    sys.exit(TaskInstance("words", count_words, port=8100, capacity=4).run())
