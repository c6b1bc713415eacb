"""Work in the outside world that an actor asks for. Its outcome comes back to that actor as a message.

Errands are not stored: an actor's state says what is under way, and on `Resumed` it asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.messages.scheduler import Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a TaskInstance listens and how it is spoken to."""

    host: str
    port: int
    protocol: Protocol = "submit"


@dataclass(frozen=True, slots=True)
class PushToInstance:
    """Give a task to an instance -> PushAnswered. Over HTTP with `Idempotency-Key: <task_id>:<attempt>`.

    A run that resumes an attempt says so: `<task_id>:<attempt>.<resumption>`.
    """

    endpoint: Endpoint
    task_id: str
    attempt: int
    model_name: str
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class ProbeInstance:
    """Ask an instance how it is -> ProbeAnswered."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class CancelOnInstance:
    """Tell an instance to stop a task (only where it lists the capability); no outcome."""

    endpoint: Endpoint
    task_id: str
    attempt: int
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class YieldOnInstance:
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


@dataclass(frozen=True, slots=True)
class TellToLeave:
    """Tell an attached worker that its agent is being shut down; no outcome."""

    endpoint: Endpoint
    reason: str
    grace_ms: int


@dataclass(frozen=True, slots=True)
class PostCallback:
    """POST a task's final record to its `callback_url` -> CallbackAnswered."""

    url: str
    task_id: str


Errand: TypeAlias = PushToInstance | ProbeInstance | CancelOnInstance | YieldOnInstance | TellToLeave | PostCallback
