"""One queue's deliveries, through reconnects: bundles to the receiver, producers' commands translated, the
unreadable to the dead letters, and acknowledgements gathered into as few frames as possible.

A subscription has a channel of its own. Tags are of that channel: when it is lost, what was not settled comes
again, and settling what came over it before has no effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiormq.abc import AbstractChannel
from pamqp.common import FieldTable

from actors.broker import Receiver
from actors.envelope import Envelope
from actors.errors import BrokerUnavailable
from rabbitmq.acknowledgements import Acknowledgements
from rabbitmq.deliveries import Delivered, Deliveries
from rabbitmq.failures import as_unavailable
from rabbitmq.link import Link

PREFETCH = 256
"""Messages under way to us at once; each is a bundle of up to 256 envelopes, or one command."""
OPEN_TIMEOUT_S = 10.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0

log = structlog.get_logger(__name__)

Read = Callable[[Delivered], tuple[Sequence[Envelope], bool]]
"""The envelopes of a message, and whether the inbox has to remember them. Raises ValueError."""
Bury = Callable[[Delivered, str], Awaitable[None]]
"""Copy a message to the dead letters with a reason, confirmed. Raises BrokerUnavailable."""
Declare = Callable[[AbstractChannel], Awaitable[AbstractChannel]]


class Consumption:
    """What came over one channel, and what of it has to be acknowledged."""

    def __init__(
        self, channel: AbstractChannel, deliveries: Deliveries, bury: Bury, read: Read, receiver: Receiver
    ) -> None:
        self.channel = channel
        self._deliveries = deliveries
        self._bury = bury
        self._read = read
        self._receiver = receiver
        self._ledger = Acknowledgements()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flusher: asyncio.Task[None] | None = None
        self._is_over = False

    async def begin(self, queue: str, arguments: FieldTable) -> None:
        """Have the broker deliver from this queue."""
        self._deliveries.take(self.channel.number, self.take)
        await self.channel.basic_consume(queue, _must_not_come, arguments=arguments)

    def take(self, message: Delivered) -> None:
        """The broker has handed this one over: to the receiver with what can be read, the rest to the dead letters.

        What comes while the channel is being closed goes back into the queue with it.
        """
        if self._is_over:
            return
        self._ledger.arrived(message.tag)
        if message.fault:
            self.reject(message, message.fault)
            return
        try:
            envelopes, redeliverable = self._read(message)
        except ValueError as error:
            self.reject(message, str(error))
            return
        except Exception as error:  # a fault of ours: kept among the dead letters rather than delivered for ever
            log.exception("a message could not be read", routing_key=message.routing_key)
            self.reject(message, f"internal error: {error!r}")
            return
        self._receiver(RabbitDelivery(envelopes, redeliverable, message, self))

    def settle(self, tag: int) -> None:
        """Acknowledge it, together with whatever else is settled by the time the frame is written."""
        self._ledger.settle(tag)
        self._flush_soon()

    def put_back(self, tag: int) -> None:
        """Return it to its place in the queue."""
        self._ledger.put_back(tag)
        self._flush_soon()

    def reject(self, message: Delivered, reason: str) -> None:
        """To the dead letters; acknowledged only once the copy there is confirmed."""
        task = asyncio.create_task(self._dismiss(message, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Acknowledge what is settled and close the channel: the broker takes back the rest."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=OPEN_TIMEOUT_S)
        if self._flusher is not None and not self._flusher.done():
            await self._flusher
        self._is_over = True
        try:
            if not self.channel.is_closed and self.channel.connection.is_opened:
                with as_unavailable("closing a channel"):
                    async with asyncio.timeout(OPEN_TIMEOUT_S):
                        await self.channel.close()
        except BrokerUnavailable as error:
            log.info("a consuming channel did not close in order", error=str(error))
        finally:
            self._deliveries.leave(self.channel.number, self.take)

    def _flush_soon(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            with as_unavailable("acknowledging"):
                while True:
                    returned, settled = self._ledger.take_returns(), self._ledger.take_settled()
                    if not returned and not settled:
                        return
                    for tag in returned:
                        await self.channel.basic_nack(tag, requeue=True, wait=False)
                    for tag, multiple in settled:
                        await self.channel.basic_ack(tag, multiple=multiple, wait=False)
        except BrokerUnavailable:
            log.debug("acknowledgements lost with their channel; these deliveries will come again")

    async def _dismiss(self, message: Delivered, reason: str) -> None:
        tag = message.tag
        try:
            await self._bury(message, reason)
        except BrokerUnavailable as error:
            log.warning("could not bury a message, it goes back into its queue", reason=reason, error=str(error))
            await asyncio.sleep(FIRST_DELAY_S)  # not in a tight circle while only publishing is down
            self.put_back(tag)
        else:
            log.warning("message to the dead letters", reason=reason)
            self.settle(tag)


@dataclass(frozen=True, slots=True)
class RabbitDelivery:
    """One AMQP message's envelopes (`actors.broker.Delivery`)."""

    envelopes: Sequence[Envelope]
    redeliverable: bool
    message: Delivered
    _consumption: Consumption

    def settle(self) -> None:
        """Acknowledge it."""
        self._consumption.settle(self.message.tag)

    def put_back(self) -> None:
        """Return it to its queue."""
        self._consumption.put_back(self.message.tag)

    def reject(self, reason: str) -> None:
        """To the dead letters."""
        self._consumption.reject(self.message, reason)


class Mailbox:
    """A subscription to one queue that renews itself."""

    def __init__(
        self, link: Link, queue: str, declare: Declare, read: Read, bury: Bury, receiver: Receiver, rank: int = 0
    ) -> None:
        self._link = link
        self._queue = queue
        self._declare = declare
        self._read = read
        self._bury = bury
        self._receiver = receiver
        self._arguments: FieldTable = {"x-priority": rank} if rank else {}
        self._consumption: Consumption | None = None
        self._cancelled = asyncio.Event()
        self._gone = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Consume from now on. Raises BrokerUnavailable where that cannot begin now."""
        if self._link.connection is None:
            raise BrokerUnavailable("RabbitMQ is not connected")
        await self._consume()
        self._keeper = asyncio.create_task(self._keep(), name=f"mailbox {self._queue}")

    async def close(self) -> None:
        """Consume no more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._consumption is not None:
            await self._consumption.finish()

    async def _keep(self) -> None:
        delay = FIRST_DELAY_S
        while True:
            try:
                await self._end_of_channel()
                await self._link.up()
                await self._consume()
                delay = FIRST_DELAY_S
            except Exception as error:  # whatever it is: connected and deaf is the one thing not to be
                log.info("cannot consume yet", queue=self._queue, error=repr(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, LONGEST_DELAY_S)

    async def _end_of_channel(self) -> None:
        if self._consumption is None:
            return
        closing = self._consumption.channel.closing
        signs = [asyncio.ensure_future(event.wait()) for event in (self._cancelled, self._gone)]
        try:
            await asyncio.wait({closing, *signs}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sign in (closing, *signs):
                if not sign.done():
                    sign.cancel()
        lost, self._consumption = self._consumption, None
        await lost.finish()

    async def _consume(self) -> None:
        with as_unavailable(f"consuming from {self._queue}"):
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                connection = await self._link.up()
                self._gone, deliveries = self._link.gone, self._link.deliveries
                channel = await connection.channel(publisher_confirms=False)
                try:
                    channel = await self._declare(channel)
                    self._consumption = await self._subscribe(channel, deliveries)
                except BaseException:
                    if not channel.is_closed:  # no answer: it may deliver to us all the same, and nobody would settle
                        self._link.suspect()
                    raise

    async def _subscribe(self, channel: AbstractChannel, deliveries: Deliveries) -> Consumption:
        consumption = Consumption(channel, deliveries, self._bury, self._read, self._receiver)
        self._cancelled.clear()
        # The broker ends a subscription whose queue is deleted or loses its node.
        channel.on_consumer_cancel_callbacks.add(lambda _: self._cancelled.set())
        await channel.basic_qos(prefetch_count=PREFETCH)
        await consumption.begin(self._queue, self._arguments)
        return consumption


async def _must_not_come(_: object) -> None:
    """All that is delivered is taken before aiormq sees it."""
    raise AssertionError("a delivery was not taken")
