"""What a worker's function gets: the task, and what may be known of its run."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.messages.worker import StartTask


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt of one task. `input` is its JSON value, or bytes where it was submitted as something else.

    `attempt` counts from 1. `model_name` is "" for a task that names none.
    """

    task_id: str
    attempt: int
    agent_id: str
    model_name: str
    input: Any
    metadata: dict[str, Any]
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a run may look at. `cancelled` is set when the scheduler has asked for the task to stop.

    An async function is cancelled as well; a function that runs in a thread polls `ctx.cancelled.is_set()`.
    """

    cancelled: threading.Event = field(default_factory=threading.Event)


def task_of(start: StartTask) -> Task:
    """The task as the function gets it."""
    return Task(
        task_id=start.task_id,
        attempt=start.attempt,
        agent_id=start.agent_id,
        model_name=start.model_name,
        input=_input_of(start),
        metadata=_metadata_of(start.metadata),
        content_type=start.content_type,
    )


def _input_of(start: StartTask) -> Any:
    media = start.content_type.partition(";")[0].strip().lower()
    if not start.input or not (media == "application/json" or media.endswith("+json")):
        return start.input
    try:
        return msgspec.json.decode(start.input)
    except msgspec.DecodeError:
        return start.input


def _metadata_of(text: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text or b"{}")
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}
