"""What is published for whoever may want it: facts on `swarm.events`, and answers to producers."""

from __future__ import annotations

from actors.envelope import Announcement
from rabbitmq import frames
from rabbitmq.outbox import Parcel
from rabbitmq.publisher import Post
from rabbitmq.topology import EVENTS

JSON = "application/json"
LONGEST_ROUTING_KEY = 255


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
    return topic.encode()[:LONGEST_ROUTING_KEY].decode(errors="ignore")
