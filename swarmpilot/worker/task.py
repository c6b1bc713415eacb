"""What a worker's function gets: the task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.messages.worker import StartTask


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt of one task. `input` is its JSON value, or bytes where it was submitted as something else.

    `attempt` counts from 1. `model_name` is "" for a task that names none. `checkpoint` is what the task said at the
    last safe point that is known of, in this attempt or an earlier one, and empty where there is none. `resumption`
    counts from 0 how often this attempt has been resumed after it had given way.
    """

    task_id: str
    attempt: int
    agent_id: str
    model_name: str
    input: Any
    metadata: dict[str, Any]
    content_type: str = "application/json"
    checkpoint: dict[str, Any] = field(default_factory=dict)
    resumption: int = 0


def task_of(start: StartTask) -> Task:
    """The task as the function gets it."""
    return Task(
        task_id=start.task_id,
        attempt=start.attempt,
        agent_id=start.agent_id,
        model_name=start.model_name,
        input=_input_of(start),
        metadata=_object_of(start.metadata),
        content_type=start.content_type,
        checkpoint=_object_of(start.checkpoint),
        resumption=start.resumption,
    )


def _input_of(start: StartTask) -> Any:
    media = start.content_type.partition(";")[0].strip().lower()
    if not start.input or not (media == "application/json" or media.endswith("+json")):
        return start.input
    try:
        return msgspec.json.decode(start.input)
    except msgspec.DecodeError:
        return start.input


def _object_of(text: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text or b"{}")
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}
