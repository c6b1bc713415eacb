"""Dead letters: messages that could have no effect, kept with the reasons until they are replayed or too old.

A replay is the same message under an id of its own, made of the letter's and of how often it has failed. Where it has
its effect, the letter goes in that same transaction; where it fails again, the letter stays with one failure more.
Replayed twice it is the same id, which has its effect once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from actors.envelope import Envelope
from actors.envelope_json import encode_envelope

DeadKind: TypeAlias = Literal["message", "bundle", "command"]
"""`message`: one of ours that an actor failed at. `bundle`: several of ours that the broker gave up. `command`: what a
producer published and nobody could read."""

_REPLAY: Final = "replay~"


@dataclass(frozen=True, slots=True)
class Failure:
    """When (Unix seconds) and why a message had no effect."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`to` is the actor or queue that it was for, `name` the type of the message, `task_id` the task that it names; ""
    where that is not known. `body` is the message as it travels. `failures` are in order, the last one last.
    """

    id: str
    kind: DeadKind
    to: str
    name: str
    task_id: str
    body: bytes
    failures: tuple[Failure, ...]


class DeadLetterReader(Protocol):
    """What queries need of the store."""

    async def dead_letters(self, *, after: str = "", limit: int = 100) -> list[DeadLetter]:
        """Those that failed last come first; `after` this one, where it is given. Bodies are left out."""

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """The whole of one."""


def letter_about(envelope: Envelope, at: float, reason: str) -> DeadLetter:
    """The letter of a message that an actor failed at, which may have been a replay of that letter already."""
    message = envelope.message
    spec = getattr(message, "spec", None)
    task_id = str(getattr(message, "task_id", "") or getattr(spec, "task_id", ""))
    return DeadLetter(
        letter_of(envelope.id) or envelope.id,
        "message",
        "/".join(envelope.to),
        type(message).__name__,
        task_id,
        encode_envelope(envelope),
        (Failure(at, reason),),
    )


def replay_id(letter: DeadLetter, part: int = 0) -> str:
    """The id of the message that replays it, as it is now; the `part`-th, where it holds several."""
    return f"{_REPLAY}{len(letter.failures)}.{part}~{letter.id}"


def letter_of(message_id: str) -> str | None:
    """The letter that this message replays; None where it replays none."""
    if not message_id.startswith(_REPLAY):
        return None
    return message_id.removeprefix(_REPLAY).partition("~")[2]
