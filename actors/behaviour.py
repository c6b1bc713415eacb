"""An actor is a value: how its state begins, how it decides, how it changes, when it wants to be woken.

`decide` reads the state and returns what to remember (events) and what to tell the world (effects); it
never writes, never awaits, and takes time, ids and chance from the message. `evolve` is the only writer.
The runtime makes the events durable before any effect leaves the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from actors.addresses import Address, ReturnAddress
from actors.errands import Errand
from actors.messages import Answer, Message

State = TypeVar("State")
Received_ = TypeVar("Received_")
Event = TypeVar("Event")

Now: TypeAlias = float
"""Unix seconds."""

PayloadPart: TypeAlias = Literal["input", "result", "checkpoint"]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the store remembers of a task that may have ended long ago."""

    digest: str
    scheduled_ti: str


class Received(Struct, Generic[Received_]):
    """A message as it reached an actor.

    `chance` is a random number in [0, 1). `recalled` is the task that the store already knows under the
    submitted id, None where it knows none (or was not asked: see `Behaviour.recall`).
    """

    message: Received_
    id: str
    reply_to: ReturnAddress | None = None
    chance: float = 0.0
    recalled: Recalled | None = None


class Send(Struct, frozen=True):
    """Send a message to another actor, or a note to oneself.

    A note to oneself is not stored: what it is about must follow from the state, to be taken up on `Resumed`.
    """

    to: Address
    message: Message


class Reply(Struct, frozen=True):
    """Answer whoever asked; nobody is told where nobody asked."""

    answer: Answer


class Keep(Struct, frozen=True):
    """Store a payload in the same transaction as the events. For an input, `metadata` goes with it.

    Of inputs and results of a task the first stays, of checkpoints the last.
    """

    task_id: str
    part: PayloadPart
    body: bytes
    content_type: str = "application/json"
    metadata: bytes = b"{}"


class Warn(Struct, frozen=True):
    """Tell whoever operates the service, in its log: what happened, and the figures or names to it."""

    event: str
    details: tuple[tuple[str, str | int], ...] = ()


Effect: TypeAlias = Send | Reply | Keep | Warn | Errand


class Decision(Struct, Generic[Event], frozen=True):
    """What to remember, and what to tell the world once it is remembered."""

    events: Sequence[Event] = ()
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True)
class Behaviour(Generic[State, Received_, Event]):
    """One kind of actor.

    `next_due` gives the Unix time at which the actor wants a `TimePassed`, None for never: deadlines are
    part of the state, so that they survive with it. `is_blank` says that a state is as good as the initial one,
    so that it need not be kept. `dump` and `load` turn the state into a tree of plain
    records of type `snapshot_type` and back. `recall` names the task whose stored record the message
    has to be decided with.
    """

    initial: Callable[[str], State]
    decide: Callable[[State, Received[Received_], Now], Decision[Event]]
    evolve: Callable[[State, Event], None]
    next_due: Callable[[State], float | None]
    dump: Callable[[State], Any]
    load: Callable[[str, Any], State]
    snapshot_type: type
    event_types: tuple[type, ...]
    recall: Callable[[Received_], str | None] = lambda _: None
    is_blank: Callable[[State], bool] = lambda _: False


AnyBehaviour: TypeAlias = Behaviour[Any, Any, Any]
