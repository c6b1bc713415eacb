"""A push and a request to give way, as the scheduler sends them: read from HTTP and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec


class BadPush(ValueError):
    """The body is not what it should be; the text names the field and the rule."""


@dataclass(frozen=True, slots=True)
class Push:
    """One run of one task. `key` identifies it: a repeat of the same key is the same run, as long as its `content` (a
    digest of what is to be done) is the same."""

    key: str
    task_id: str
    attempt: int
    model_name: str
    task_input: dict[str, Any]
    metadata: dict[str, Any]
    resumption: int = 0
    checkpoint: dict[str, Any] = field(default_factory=dict)
    content: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class YieldRequest:
    """A run is asked to give way; `terminate`: for the last time."""

    reason: str
    terminate: bool


class _Body(msgspec.Struct):
    task_id: str
    task_input: dict[str, Any]
    model_name: str = ""
    metadata: dict[str, Any] | None = None
    checkpoint: dict[str, Any] | None = None


class _Yielding(msgspec.Struct):
    reason: str = ""
    terminate: bool = False


_ENCODE = msgspec.json.Encoder().encode
_DECODER = msgspec.json.Decoder(_Body)
_YIELDING = msgspec.json.Decoder(_Yielding)


def read_push(body: bytes, idempotency_key: str | None) -> Push:
    """The push. `idempotency_key` is `<task>:<attempt>`, `<task>:<attempt>.<resumption>` for a run that resumes one,
    or None from a scheduler that sends none.

    Raises BadPush.
    """
    try:
        read = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as failure:
        raise BadPush(str(failure)) from None
    if not read.task_id:
        raise BadPush("task_id must not be empty")
    attempt, resumption = run_of(idempotency_key)
    return Push(
        key=idempotency_key or read.task_id,
        task_id=read.task_id,
        attempt=attempt,
        model_name=read.model_name,
        task_input=read.task_input,
        metadata=read.metadata or {},
        resumption=resumption,
        checkpoint=read.checkpoint or {},
        # Not of the checkpoint: a repeat may come with a later one.
        content=digest_of(_ENCODE((read.model_name, read.task_input, read.metadata))),
    )


def digest_of(content: bytes) -> bytes:
    """What tells this content from any other."""
    return blake2b(content, digest_size=16).digest()


def read_yield_request(body: bytes) -> YieldRequest:
    """The request; no body is one without a reason. Raises BadPush."""
    try:
        read = _YIELDING.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError) as failure:
        raise BadPush(str(failure)) from None
    return YieldRequest(read.reason, read.terminate)


def run_of(idempotency_key: str | None) -> tuple[int, int]:
    """The attempt and the resumption that a key names, (0, 0) where it names none."""
    attempt, dot, resumption = (idempotency_key or "").rpartition(":")[2].partition(".")
    numbers = (attempt, resumption) if dot else (attempt, "0")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return 0, 0
    return int(numbers[0]), int(numbers[1])
