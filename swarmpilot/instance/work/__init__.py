"""What an instance does with a task: a `Work` takes the task's input and returns its result.

Kinds: `simulate` (takes time, does nothing), `call` (any Python function), `upstream` (an OpenAI-compatible server).
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a task may know of itself beside its input.

    `attempt` counts from 1 (0: the scheduler did not say). `cancelled` is set when the scheduler has asked
    for the task to stop; a function that runs in a thread polls it with `context.cancelled.is_set()`.
    """

    task_id: str
    model_name: str
    metadata: dict[str, Any]
    attempt: int
    cancelled: threading.Event = field(default_factory=threading.Event)


TaskInput: TypeAlias = dict[str, Any]
Work: TypeAlias = Callable[[TaskInput, TaskContext], Awaitable[Any]]
"""Runs one task. What it raises becomes an error result; when cancelled it stops and lets CancelledError pass."""
