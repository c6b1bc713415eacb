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
    """Give a task to an instance over HTTP -> PushAnswered. Sends `Idempotency-Key: <task_id>:<attempt>`."""

    endpoint: Endpoint
    task_id: str
    attempt: int
    model_name: str


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


@dataclass(frozen=True, slots=True)
class PostCallback:
    """POST a task's final record to its `callback_url` -> CallbackAnswered."""

    url: str
    task_id: str


Errand: TypeAlias = PushToInstance | ProbeInstance | CancelOnInstance | PostCallback
