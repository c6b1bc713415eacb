"""Work in the outside world that an actor asks for. Its outcome comes back to that actor as a message.

Errands are not stored: an actor's state says what is under way, and on `Resumed` it asks again.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.messages.scheduler import Protocol


class Endpoint(Struct, frozen=True):
    """Where a TaskInstance listens and how it is spoken to."""

    host: str
    port: int
    protocol: Protocol = "submit"


class PushToInstance(Struct, frozen=True):
    """Give a task to an instance -> PushAnswered. Over HTTP with `Idempotency-Key: <task_id>:<attempt>`.

    A run that resumes an attempt says so: `<task_id>:<attempt>.<resumption>`.
    """

    endpoint: Endpoint
    task_id: str
    attempt: int
    model_name: str
    resumption: int = 0


class ProbeInstance(Struct, frozen=True):
    """Ask an instance how it is -> ProbeAnswered."""

    endpoint: Endpoint


class CancelOnInstance(Struct, frozen=True):
    """Tell an instance to stop a task (only where it lists the capability); no outcome."""

    endpoint: Endpoint
    task_id: str
    attempt: int
    resumption: int = 0


class YieldOnInstance(Struct, frozen=True):
    """Ask an instance to let a run give way (only where it lists `preempt`) -> YieldAnswered.

    `terminate`: it was asked before; this is the last word before it is stopped.
    """

    endpoint: Endpoint
    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_ms: int
    terminate: bool = False


class TellToLeave(Struct, frozen=True):
    """Tell an attached worker that its agent is being shut down; no outcome."""

    endpoint: Endpoint
    reason: str
    grace_ms: int


class PostCallback(Struct, frozen=True):
    """POST a task's final record to its `callback_url` -> CallbackAnswered."""

    url: str
    task_id: str


Errand: TypeAlias = PushToInstance | ProbeInstance | CancelOnInstance | YieldOnInstance | TellToLeave | PostCallback
