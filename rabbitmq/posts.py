"""What is published: bundles for actors, workers and gateways, facts on `swarm.events`, answers to producers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from actors.envelope import Announcement
from actors.envelope_json import BUNDLE_TYPE, join_envelopes
from rabbitmq import frames
from rabbitmq.outbox import Destination, Parcel
from rabbitmq.publisher import Post
from rabbitmq.topology import EVENTS

JSON = "application/json"


_numbers = count(1)


def bundle(destination: Destination, parcels: Sequence[Parcel]) -> Post:
    """Envelopes for one queue, which has to be there."""
    mode = frames.TRANSIENT if destination.kind in ("gateway", "worker") else frames.PERSISTENT
    message_id = str(next(_numbers))
    properties = frames.properties(BUNDLE_TYPE, mode, message_id=message_id)
    return Post("", destination.queue, properties, join_envelopes([parcel.body for parcel in parcels]), message_id)


def fact(announcement: Announcement) -> Post:
    """Facts, under their topic."""
    properties = frames.properties(JSON, frames.PERSISTENT, headers=(("x-id", announcement.id),))
    return Post(EVENTS, _shortened(announcement.topic), properties, announcement.body)


def answer(queue: str, parcel: Parcel) -> Post:
    """A producer's answer. It may have gone, and a direct reply-to counts as no queue at all."""
    properties = frames.properties(JSON, frames.TRANSIENT, correlation_id=parcel.correlation)
    return Post("", queue, properties, parcel.body)


def _shortened(topic: str) -> str:
    """AMQP's limit is in bytes; a name that is too long must not hold up what waits behind it."""
    return topic.encode()[: frames.LONGEST_NAME].decode(errors="ignore")
