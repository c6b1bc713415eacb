"""What can never have an effect: a confirmed copy on `swarm.dead` with the reason, and a refusal to who asked."""

from __future__ import annotations

from pamqp import encode
from pamqp.commands import Basic
from pamqp.common import FieldTable

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
from rabbitmq.topology import DEAD_LETTERS

REASON, QUEUE = "x-reason", "x-queue"
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
        headers={**_copied(properties.headers), REASON: reason[:LONGEST_REASON], QUEUE: message.routing_key},
    )
    try:
        await publisher.publish(message.body, copy, exchange=DEAD_LETTERS, routing_key=message.routing_key)
    except Unroutable:
        raise BrokerUnavailable(f"no queue is bound to {DEAD_LETTERS}") from None
    back = return_address(properties)
    if back is not None and properties.content_type != BUNDLE_TYPE:
        parcel = Parcel(answer_json(Refused("invalid", reason)), back.correlation)
        await publisher.post([answer(back.to.key, parcel)])


def _copied(headers: FieldTable | None) -> FieldTable:
    """A stranger's headers, or none of them where they cannot be written again."""
    if not headers:
        return {}
    try:
        return headers if len(encode.field_table(headers)) <= LARGEST_HEADERS else {}
    except Exception:  # pamqp reads more than it writes, and fails in many ways
        return {}
