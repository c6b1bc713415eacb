"""A producer's message, one command or several, as envelopes for the scheduler.

The inbox is no help here: it would swallow a retry, and a retry has to be answered again. So a producer's
message is not kept in the inbox. What makes a repeat harmless is the task's id. Where the producer gives none,
`translate` takes the message's identity, a digest of the body and what the producer told it apart by
(`message_id`, `correlation_id`, `reply_to`, `timestamp`): delivered again after a crash, it is the same task.
A message with neither `message_id` nor `correlation_id` has no identity, since two tasks may well look the
same; if the process dies between the record and the acknowledgement, such a submit is carried out again.
A producer that retries on its own account sends a `task_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TypeAlias
from uuid import uuid4

from pamqp.commands import Basic

from actors.addresses import SCHEDULER, Address, ReturnAddress
from actors.envelope import PUBLISHED, Envelope
from actors.messages import Message
from rabbitmq.deliveries import Delivered
from rabbitmq.frames import LONGEST_NAME

IDENTITY = "message-identity"
"""Key under which `translate` finds the identity among the headers; absent where the message has none."""

Translate: TypeAlias = Callable[[bytes, Mapping[str, object]], Sequence[Message]]
"""The messages that a body and its headers mean. Raises ValueError, with a text naming field, rule and value."""


def read_commands(delivered: Delivered, translate: Translate) -> list[Envelope]:
    """The envelopes of a producer's message. Raises ValueError where it means nothing.

    Of several the n-th, from 0, is answered under the correlation of the message with `:n`.
    """
    properties = delivered.properties
    identity = identity_of(delivered.body, properties)
    headers: dict[str, object] = {**(properties.headers or {})}
    headers.pop(IDENTITY, None)
    if identity is not None:
        headers[IDENTITY] = identity
    messages = translate(delivered.body, headers)
    id_, back = PUBLISHED + (identity or uuid4().hex), return_address(properties)
    if len(messages) == 1:
        return [Envelope(id_, SCHEDULER, messages[0], back)]
    return [
        Envelope(f"{id_}-{n}", SCHEDULER, message, back and _numbered(back, f":{n}"))
        for n, message in enumerate(messages)
    ]


def return_address(properties: Basic.Properties) -> ReturnAddress | None:
    """Where the producer wants its answer, None where it wants none."""
    if not properties.reply_to:
        return None
    return ReturnAddress(Address("producer", properties.reply_to), properties.correlation_id or "")


def _numbered(back: ReturnAddress, number: str) -> ReturnAddress:
    given, longest = len(back.correlation.encode()), LONGEST_NAME - len(number)
    if given > longest:
        rule = f"must be at most {longest} bytes long, since each answer has the number of its command behind it"
        raise ValueError(f"correlation_id: {rule}; got {given}")
    return ReturnAddress(back.to, back.correlation + number)


def identity_of(body: bytes, properties: Basic.Properties) -> str | None:
    """The same for every delivery of a message, None where that cannot be known."""
    if not properties.message_id and not properties.correlation_id:
        return None
    told_apart_by = (properties.message_id, properties.correlation_id, properties.reply_to, properties.timestamp)
    digest = blake2b("\0".join(str(part) for part in told_apart_by).encode(), digest_size=16)
    digest.update(b"\0")
    digest.update(body)
    return digest.hexdigest()
