"""What an instance does with a task: a `Work` takes the task's input and returns its result.

Kinds: `simulate` (takes time, does nothing), `call` (any Python function), `upstream` (an OpenAI-compatible server).
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from swarmpilot.instance.work.giving_way import Preemption, SafePoint
from swarmpilot.safe_points import encode_checkpoint
from swarmpilot.sections import Section


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a task may know of itself beside its input.

    `attempt` counts from 1 (0: the scheduler did not say). `cancelled` is set when the scheduler has asked
    for the task to stop; a function that runs in a thread polls it with `context.cancelled.is_set()`.
    `resumption` counts from 0 how often the attempt has been resumed, `checkpoint` is what an earlier run left behind,
    {} where none has.
    """

    task_id: str
    model_name: str
    metadata: dict[str, Any]
    attempt: int
    cancelled: threading.Event = field(default_factory=threading.Event)
    resumption: int = 0
    checkpoint: dict[str, Any] = field(default_factory=dict)
    preemption: Preemption = field(default_factory=Preemption)

    @property
    def preempt_requested(self) -> bool:
        """Whether the task is asked to give way; its next safe point does it."""
        return self.preemption.requested

    @property
    def preempt_reason(self) -> str:
        """Why it is asked, "" where it is not."""
        return self.preemption.reason

    @property
    def terminate_requested(self) -> bool:
        """Whether it was asked for the last time: unless it gives way within the grace, it is stopped and fails."""
        return self.preemption.terminating

    def section(self, name: str, max_ms: float) -> Section:
        """A part that is not to be interrupted, for `async with` or `with`; raises ValueError.

        A request to give way waits for its end, for at most `max_ms`. Safe points within do not end the run until then.
        """
        return self.preemption.sections.section(name, max_ms)

    def safe_point(self, checkpoint: dict[str, Any]) -> SafePoint:
        """Here the task could stop, and go on later with this as `context.checkpoint`; where it is asked to, it does.

        An async function awaits it: `await context.safe_point({"step": 3})`. Where the run gives way it does not
        return: `finally` and `with` are seen to, and the function is called again when the task is resumed. Raises
        TypeError where the checkpoint is no JSON object, ValueError where it is larger than 1 MiB.
        """
        return SafePoint(self.preemption, self.cancelled, encode_checkpoint(checkpoint))


TaskInput: TypeAlias = dict[str, Any]
Work: TypeAlias = Callable[[TaskInput, TaskContext], Awaitable[Any]]
"""Runs one task. What it raises becomes an error result; when cancelled it stops and lets CancelledError pass."""
