"""What can never have an effect: a confirmed copy on `swarm.dead` with the reason, and a refusal to who asked."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from uuid import uuid4

import msgspec
from pamqp import encode
from pamqp.commands import Basic
from pamqp.common import FieldTable

from actors.dead_letters import DeadLetter, Failure
from actors.envelope_json import BUNDLE_TYPE
from actors.errors import BrokerUnavailable
from actors.messages.answers import Refused
from rabbitmq.codec import answer_json
from rabbitmq.commands import return_address
from rabbitmq.deliveries import Delivered
from rabbitmq.failures import Unroutable
from rabbitmq.outbox import Parcel
from rabbitmq.posts import answer
from rabbitmq.publisher import Publisher
from rabbitmq.topology import DEAD_LETTERS, SCHEDULER_QUEUE

REASON, QUEUE, ID = "x-reason", "x-queue", "x-id"
LONGEST_REASON = 2000
LARGEST_HEADERS = 32_768
"""Bytes of a stranger's headers that are copied; the header of a message has to fit into one frame."""


async def bury(publisher: Publisher, message: Delivered, reason: str) -> None:
    """Returns once the copy is confirmed, so that the original may be acknowledged. Raises BrokerUnavailable."""
    properties = message.properties
    # Lone surrogates and the like: a header that cannot be written would bring the message back for ever.
    reason = reason.encode("utf-8", "replace").decode()
    copy = Basic.Properties(
        content_type=properties.content_type,
        delivery_mode=2,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        timestamp=datetime.now(UTC),
        headers={
            **_copied(properties.headers),
            REASON: reason[:LONGEST_REASON],
            QUEUE: message.routing_key,
            ID: uuid4().hex,
        },
    )
    try:
        await publisher.publish(message.body, copy, exchange=DEAD_LETTERS, routing_key=message.routing_key)
    except Unroutable:
        raise BrokerUnavailable(f"no queue is bound to {DEAD_LETTERS}") from None
    back = return_address(properties)
    if back is not None and properties.content_type != BUNDLE_TYPE:
        parcel = Parcel(answer_json(Refused("invalid", reason)), back.correlation)
        await publisher.post([answer(back.to.key, parcel)])


def has_lapsed(message: Delivered) -> bool:
    """Whether it lies on `swarm.dead` because its sender said for how long it would be of use: it is missed by nobody.

    What a queue's own policy lets expire is not meant: whoever sent that knew nothing of it.
    """
    deaths = (message.properties.headers or {}).get("x-death")
    died = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    return died.get("reason") == "expired" and "original-expiration" in died


def exhume(message: Delivered, now: float) -> DeadLetter:
    """What lies on `swarm.dead` as a letter: buried by us, or given up by the broker itself."""
    properties = message.properties
    headers = properties.headers or {}
    is_bundle = properties.content_type == BUNDLE_TYPE
    name, task_id = ("", "") if is_bundle else _said(message.body)
    # What came by the exchange of commands names its type where others name their queue.
    queue = str(headers.get(QUEUE) or headers.get("x-first-death-queue") or "")
    at = properties.timestamp.timestamp() if properties.timestamp is not None else now
    return DeadLetter(
        str(headers.get(ID) or blake2b(message.body, digest_size=16).hexdigest()),
        "bundle" if is_bundle else "command",
        queue if queue.startswith("swarm.") else SCHEDULER_QUEUE,
        name,
        task_id,
        message.body,
        (Failure(at, str(headers.get(REASON) or f"given up by the broker: {headers.get('x-first-death-reason')!s}")),),
    )


def _said(body: bytes) -> tuple[str, str]:
    """The type and the task of a command, as far as it can be read."""
    try:
        command = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # what is not UTF-8 fails in another way than what is no JSON
        return "", ""
    if not isinstance(command, dict):
        return "", ""
    return str(command.get("type", ""))[:200], str(command.get("task_id", ""))[:200]


def _copied(headers: FieldTable | None) -> FieldTable:
    """A stranger's headers, or none of them where they cannot be written again."""
    if not headers:
        return {}
    try:
        return headers if len(encode.field_table(headers)) <= LARGEST_HEADERS else {}
    except Exception:  # pamqp reads more than it writes, and fails in many ways
        return {}
