"""The broker implementations as the suites see them, and a mailbox that keeps what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, Self

import aiormq
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from actors.broker import Broker, Delivery
from actors.brokers.local import LocalBroker
from actors.envelope import Envelope
from actors.messages import Message
from actors.messages.scheduler import SetStrategy
from rabbitmq import RabbitBroker
from rabbitmq.topology import QueueTypeSetting
from tests.rabbit_server import RabbitServer

SHARDS = 2
DEADLINE_S = 30.0


class Rig(Protocol):
    """How a suite gets at one implementation."""

    def broker(self) -> Broker:
        """A broker on the queues of this rig; a second one stands for the same service started again."""

    def beside(self, broker: Broker) -> Broker:
        """One more on the same queues, at the same time, as another process has it."""


class LocalRig:
    """The local broker: one object, since its queues live in it."""

    def __init__(self) -> None:
        self._broker = LocalBroker(shards=SHARDS, keeps=True)

    def broker(self) -> Broker:
        return self._broker

    def beside(self, broker: Broker) -> Broker:
        return self._broker.beside()


class RabbitRig:
    """RabbitMQ: every broker is a connection of its own."""

    def __init__(self, server: RabbitServer, queue_type: QueueTypeSetting = "auto") -> None:
        self.server = server
        self._queue_type: QueueTypeSetting = queue_type

    def broker(self) -> RabbitBroker:
        return RabbitBroker(self.server.url, shards=SHARDS, translate=strategy_command, queue_type=self._queue_type)

    def beside(self, broker: Broker) -> Broker:
        return self.broker()


def strategy_command(body: bytes, headers: Mapping[str, object]) -> list[Message]:
    """Stands at the edge: the body names strategies; `message-identity` is shown as the model."""
    if not body.startswith(b"set "):
        raise ValueError(f"body: must be `set NAME`, got {body!r}")
    return [SetStrategy(name, str(headers.get("message-identity", ""))) for name in body[4:].decode().split()]


class Kept:
    """A receiver that keeps deliveries, settles them if asked to, and can be waited on."""

    def __init__(self, *, settles: bool = True) -> None:
        self.deliveries: list[Delivery] = []
        self._settles = settles
        self._arrived = asyncio.Event()

    def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self._settles:
            delivery.settle()
        self._arrived.set()

    @property
    def envelopes(self) -> list[Envelope]:
        return [envelope for delivery in self.deliveries for envelope in delivery.envelopes]

    async def have(self, count: int) -> list[Envelope]:
        """The envelopes, once there are at least this many."""
        return await self._until(lambda envelopes: len(envelopes) >= count)

    async def have_id(self, id_: str) -> list[Envelope]:
        """The envelopes, once this one is among them."""
        return await self._until(lambda envelopes: id_ in {envelope.id for envelope in envelopes})

    async def _until(self, enough: Callable[[list[Envelope]], bool]) -> list[Envelope]:
        async with asyncio.timeout(DEADLINE_S):
            while not enough(self.envelopes):
                self._arrived.clear()
                await self._arrived.wait()
        return self.envelopes


class Stranger:
    """A producer or listener that knows nothing but AMQP: a raw connection, with a queue of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.queue = ""
        self._messages: asyncio.Queue[DeliveredMessage] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._connection = await aiormq.connect(self._url)
        self.channel: AbstractChannel = await self._connection.channel()
        declared = await self.channel.queue_declare(exclusive=True)
        self.queue = str(declared.queue)
        await self.read(self.queue)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def read(self, queue: str) -> None:
        """Take what comes to this queue as well."""
        await self.channel.basic_consume(queue, self._messages.put, no_ack=True)

    async def next(self) -> DeliveredMessage:
        """The next message, waited for."""
        return await asyncio.wait_for(self._messages.get(), DEADLINE_S)

    async def command(self, body: bytes, *, reply_to: str = "", correlation: str = "", message_id: str = "") -> None:
        """Publish to the commands exchange."""
        properties = Basic.Properties(
            content_type="application/json",
            reply_to=reply_to or None,
            correlation_id=correlation or None,
            message_id=message_id or None,
        )
        await self.channel.basic_publish(
            body, exchange="swarm.commands", routing_key="SetStrategy", properties=properties, mandatory=True
        )


async def until_down(broker: Broker) -> None:
    """Wait until the broker has noticed that its connection is gone."""
    await _until(broker, "down")


async def until_up(broker: Broker) -> None:
    """Wait until it is connected again."""
    await _until(broker, "up")


async def _until(broker: Broker, condition: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while broker.condition != condition:  # noqa: ASYNC110  (the port has no signal for it, only the property)
            await asyncio.sleep(0.01)
