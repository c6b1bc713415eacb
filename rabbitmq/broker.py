"""`RabbitBroker`: the broker port, put together from two links, a topology, an outbox and mailboxes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from aiormq.abc import AbstractChannel

from actors.addresses import Kind, queue_of
from actors.broker import BrokerCondition, Delivery, Receiver
from actors.dead_letters import DeadLetter
from actors.ending import end
from actors.envelope import Announcement, Envelope
from actors.envelope_json import BUNDLE_TYPE, encode_envelope
from actors.errors import BrokerUnavailable, NoSuchQueue
from actors.vitals import Vitals
from rabbitmq.canary import Canary
from rabbitmq.codec import answer_json, decode_bundle
from rabbitmq.commands import Translate, read_commands
from rabbitmq.consumption import RabbitDelivery
from rabbitmq.dead_letters import bury, exhume, has_lapsed
from rabbitmq.deliveries import Delivered
from rabbitmq.failures import Unroutable, as_unavailable
from rabbitmq.link import Link
from rabbitmq.mailbox import Mailbox
from rabbitmq.outbox import Destination, Outbox, Parcel, Ticket
from rabbitmq.posts import answer, bundle, fact
from rabbitmq.publisher import Post, Publisher
from rabbitmq.topology import (
    COMMANDS,
    DEAD_LETTERS,
    SCHEDULER_QUEUE,
    QueueTypeSetting,
    Topology,
    bind,
    choose_queue_type,
    declare_temporary,
)

DECLARE_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeadDelivery:
    """A dead letter, which stays with the broker until it is settled."""

    letter: DeadLetter
    _delivery: RabbitDelivery

    def settle(self) -> None:
        """It is kept elsewhere now."""
        self._delivery.settle()

    def put_back(self) -> None:
        """It is not."""
        self._delivery.put_back()


class RabbitBroker:
    """RabbitMQ as the service's broker. `url` may name several nodes of one cluster, separated by commas.

    `translate` reads what producers publish (`commands`). `queue_type` is that of the durable queues. A canary goes
    through every queue each `canary_s` seconds. `vitals` is told how the connections and subscriptions are.
    """

    def __init__(
        self,
        url: str,
        *,
        shards: int,
        translate: Translate,
        queue_type: QueueTypeSetting = "auto",
        name: str = "swarm",
        canary_s: float = 5.0,
        vitals: Vitals | None = None,
    ) -> None:
        self._shards = shards
        self._translate = translate
        self._in = Link(url, f"{name} consumes", vitals=vitals)
        self._topology = Topology(choose_queue_type(queue_type, self._in.nodes), adopt=queue_type == "auto")
        self._out = Link(url, f"{name} publishes", self._topology.declare_all, vitals=vitals)
        self._publisher = Publisher(self._out)
        self._outbox = Outbox(self._send)
        self._mailboxes: dict[str, Mailbox] = {}
        links = (self._out, self._in)
        self._canary = Canary(self._publisher, links, self._mailboxes.values, canary_s, vitals or Vitals(), self._bind)
        self._watching: asyncio.Task[None] | None = None

    @property
    def condition(self) -> BrokerCondition:
        """Whether publishing is possible now."""
        return "down" if self._out.connection is None else "up"

    @property
    def announces(self) -> bool:
        """Announcements reach whoever has bound a queue to `swarm.events`."""
        return True

    async def open(self) -> None:
        """Connect twice and declare the topology. Raises BrokerUnavailable, BrokerUnfit."""
        await self._out.open()
        try:
            await self._in.open()
        except BaseException:
            await self._out.close()
            raise
        self._watching = asyncio.create_task(self._canary.run(), name="canary")

    async def close(self) -> None:
        """Let what is under way be confirmed, hand back what is unsettled, disconnect."""
        await end(self._watching)
        await self._outbox.close(CLOSE_TIMEOUT_S)
        await asyncio.gather(*(mailbox.close() for mailbox in self._mailboxes.values()))
        self._mailboxes.clear()
        await self._in.close()
        await self._out.close()

    async def declare(self, queues: Sequence[str]) -> None:
        """Make these durable queues exist, after every reconnect too. Raises BrokerUnavailable."""
        for queue in queues:
            self._topology.remember(queue)
        connection = self._out.connection
        if connection is None:
            raise BrokerUnavailable("RabbitMQ is not connected")
        with as_unavailable("declaring queues"):
            async with asyncio.timeout(DECLARE_TIMEOUT_S):
                await self._topology.declare_all(connection)

    async def receive(self, queue: str, receiver: Receiver, *, temporary: bool = False, rank: int = 0) -> None:
        """Deliver from this queue until told to stop. Raises BrokerUnavailable where that cannot begin now.

        A receiver of a higher rank gets what comes as long as it has fewer than PREFETCH messages under way.
        """
        if queue in self._mailboxes:
            raise ValueError(f"queue: {queue} is being received from already")

        async def declare(channel: AbstractChannel) -> AbstractChannel:
            if temporary:
                await declare_temporary(channel, queue)
                return channel
            return await self._topology.declare_shard(channel, queue)

        def read(message: Delivered) -> tuple[Sequence[Envelope], bool]:
            if message.properties.content_type == BUNDLE_TYPE:
                return decode_bundle(message.body), not temporary
            if queue != SCHEDULER_QUEUE:
                raise ValueError(f"content_type: must be {BUNDLE_TYPE} here; publish commands to {COMMANDS}")
            return read_commands(message, self._translate), False

        mailbox = Mailbox(self._in, queue, declare, read, self._bury, receiver, rank)
        await mailbox.open()
        self._mailboxes[queue] = mailbox

    async def receive_dead(self, receiver: Callable[[DeadDelivery], None]) -> None:
        """Deliver what lies on `swarm.dead` from now on. Raises BrokerUnavailable where that cannot begin now."""

        def hand_over(delivery: Delivery) -> None:
            assert isinstance(delivery, RabbitDelivery)
            if has_lapsed(delivery.message):
                log.info("a message was of no use any more", queue=delivery.message.routing_key)
                delivery.settle()
                return
            receiver(DeadDelivery(exhume(delivery.message, time.time()), delivery))

        declare = self._topology.declare_dead_letters
        mailbox = Mailbox(self._in, DEAD_LETTERS, declare, lambda _: ((), True), self._bury, hand_over, is_shared=True)
        await mailbox.open()
        self._mailboxes[DEAD_LETTERS] = mailbox

    async def stop_receiving(self, queue: str) -> None:
        """Deliver no more from this queue; what is unsettled goes back into it."""
        mailbox = self._mailboxes.pop(queue, None)
        if mailbox is not None:
            await mailbox.close()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Put each envelope into its receiver's queue; returns once all are confirmed. Raises BrokerUnavailable.

        Answers for which nobody waits any more (the queue of whoever asked is gone) are dropped.
        """
        if not envelopes:
            return
        if self._out.connection is None:
            raise BrokerUnavailable("RabbitMQ is not connected")
        ticket = Ticket(len(envelopes))
        for envelope, parcel in [(envelope, _parcel(envelope)) for envelope in envelopes]:
            destination = Destination(queue_of(envelope.to, self._shards), _kind_of(envelope))
            self._outbox.put(destination, parcel, ticket)
        await ticket.confirmed()

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Publish facts to `swarm.events`, confirmed. Raises BrokerUnavailable."""
        await self._publisher.post([fact(announcement) for announcement in announcements])

    async def _send(self, destination: Destination, parcels: Sequence[Parcel]) -> None:
        if destination.kind == "producer":
            await self._publisher.post(_answers(destination.queue, parcels))
            return
        try:
            await self._publisher.post([bundle(destination, parcels)])
        except Unroutable:
            if destination.kind != "gateway":
                raise NoSuchQueue(f"there is no queue {destination.queue}") from None
            log.info("answers dropped, who asked is gone", queue=destination.queue, answers=len(parcels))

    async def _bind(self) -> None:
        """Make the bindings again of what is received, over the connection that RabbitMQ never blocks."""
        if (connection := self._in.connection) is None:
            return
        channel = await connection.channel(publisher_confirms=False)
        for queue in tuple(self._mailboxes):
            await bind(channel, queue)
        await channel.close()

    async def _bury(self, message: Delivered, reason: str) -> None:
        await bury(self._publisher, message, reason)


def _answers(queue: str, parcels: Sequence[Parcel]) -> list[Post]:
    """One under a name that AMQP cannot carry is dropped: it must not hold up what waits behind it."""
    posts: list[Post] = []
    for parcel in parcels:
        try:
            posts.append(answer(queue, parcel))
        except ValueError as error:
            log.warning("an answer dropped, it cannot be written", queue=queue, reason=str(error))
    return posts


def _kind_of(envelope: Envelope) -> Kind:
    """How it is written to; an answer to a worker as one to a gateway, nothing hangs on whether it is still there."""
    if envelope.to.kind == "worker" and envelope.reply_to is None:
        return "gateway"
    return envelope.to.kind


def _parcel(envelope: Envelope) -> Parcel:
    if envelope.to.kind == "producer":
        return Parcel(answer_json(envelope.message), envelope.id)
    return Parcel(encode_envelope(envelope))
