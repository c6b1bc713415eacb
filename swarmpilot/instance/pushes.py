"""A push as the scheduler sends it, read from HTTP and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


class BadPush(ValueError):
    """The body is not a task; the text names the field and the rule."""


@dataclass(frozen=True, slots=True)
class Push:
    """One attempt of one task. `key` identifies it: a repeat of the same key is the same attempt."""

    key: str
    task_id: str
    attempt: int
    model_name: str
    task_input: dict[str, Any]
    metadata: dict[str, Any]


class _Body(msgspec.Struct):
    task_id: str
    task_input: dict[str, Any]
    model_name: str = ""
    metadata: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Body)


def read_push(body: bytes, idempotency_key: str | None) -> Push:
    """The push. `idempotency_key` is `<task>:<attempt>`, or None from a scheduler that sends none.

    Raises BadPush.
    """
    try:
        read = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as failure:
        raise BadPush(str(failure)) from None
    if not read.task_id:
        raise BadPush("task_id must not be empty")
    return Push(
        key=idempotency_key or read.task_id,
        task_id=read.task_id,
        attempt=attempt_of(idempotency_key),
        model_name=read.model_name,
        task_input=read.task_input,
        metadata=read.metadata or {},
    )


def attempt_of(idempotency_key: str | None) -> int:
    """The attempt that a key names, 0 where it names none."""
    number = (idempotency_key or "").rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
