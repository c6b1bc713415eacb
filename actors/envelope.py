"""A message on its way: the only thing that brokers and the outbox carry."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from actors.addresses import Address, ReturnAddress
from actors.messages import Message

PUBLISHED: Final = "published~"
"""How the id of a producer's own message begins. Published again, to all appearance the same, it has its effect again
where that is another by then (a strategy that is set once more, after another): so no inbox keeps it."""


class Envelope(Struct, frozen=True):
    """A message with its id, its receiver, and where an answer goes.

    `id` derives from the cause (shard, sequence number, position), so that a repeat is recognised by the
    receiver's inbox. For an answer, `id` is the asker's correlation. `store_id` is the store that the sending
    actor lives in, "" for askers: what an actor of another store says is not meant for the actors of this one.
    """

    id: str
    to: Address
    message: Message
    reply_to: ReturnAddress | None = None
    store_id: str = ""


class Announcement(Struct, frozen=True):
    """Facts for whoever listens on the topic exchange `swarm.events`: one routing key, one JSON list.

    `body` is the JSON text of a list of facts, each {task_id, state, at, ...}.
    """

    id: str
    topic: str
    body: bytes
