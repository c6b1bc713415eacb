"""What came over one channel: bundles to the receiver, the unreadable to the dead letters, and acknowledgements
gathered into as few frames as possible.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiormq.abc import AbstractChannel
from pamqp.common import FieldTable

from actors.broker import Receiver
from actors.crash_points import reach
from actors.envelope import Envelope
from actors.errors import BrokerUnavailable
from actors.vitals import Vitals
from rabbitmq.acknowledgements import Acknowledgements
from rabbitmq.deliveries import Delivered, Deliveries
from rabbitmq.failures import as_unavailable

CANARY_TYPE = "application/x-canary"
"""Content type of what only asks whether anybody hears."""
OPEN_TIMEOUT_S, CLOSE_TIMEOUT_S = 10.0, 3.0
FIRST_DELAY_S = 0.1

log = structlog.get_logger(__name__)

Read = Callable[[Delivered], tuple[Sequence[Envelope], bool]]
"""The envelopes of a message, and whether the inbox has to remember them. Raises ValueError."""
Bury = Callable[[Delivered, str], Awaitable[None]]
"""Copy a message to the dead letters with a reason, confirmed. Raises BrokerUnavailable."""


class Consumption:
    """What came over one channel, and what of it has to be acknowledged.

    `heard_at`: when anything last arrived, or when it began (monotonic seconds).
    """

    def __init__(
        self,
        channel: AbstractChannel,
        deliveries: Deliveries,
        bury: Bury,
        read: Read,
        receiver: Receiver,
        vitals: Vitals,
    ) -> None:
        self.channel = channel
        self.heard_at = time.monotonic()
        self._vitals = vitals
        self._deliveries = deliveries
        self._bury = bury
        self._read = read
        self._receiver = receiver
        self._ledger = Acknowledgements()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flusher: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def unsettled(self) -> int:
        """How many deliveries are still to be acknowledged."""
        return len(self._ledger)

    async def begin(self, queue: str, arguments: FieldTable) -> None:
        """Have the broker deliver from this queue. Where that fails nothing is taken from the channel's number."""
        self._deliveries.take(self.channel.number, self.take)
        try:
            await self.channel.basic_consume(queue, _goes_back, arguments=arguments)
        except BaseException:
            self._deliveries.leave(self.channel.number, self.take)
            raise

    def take(self, message: Delivered) -> None:
        """The broker has handed this one over: to the receiver with what can be read, the rest to the dead letters.

        What comes while the channel is being closed goes back into the queue with it.
        """
        if self._is_over:
            return
        self.heard_at = time.monotonic()
        self._ledger.arrived(message.tag)
        if message.properties.content_type == CANARY_TYPE:
            self.settle(message.tag)
            return
        if message.redelivered:
            self._vitals.counts["message redelivered"] += 1
        if message.fault:
            self._reject(message, message.fault)
            return
        try:
            envelopes, redeliverable = self._read(message)
        except ValueError as error:
            self._reject(message, str(error))
            return
        except Exception as error:  # a fault of ours: kept among the dead letters rather than delivered for ever
            log.exception("a message could not be read", routing_key=message.routing_key)
            self._reject(message, f"internal error: {error!r}")
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

    def _reject(self, message: Delivered, reason: str) -> None:
        """To the dead letters; acknowledged only once the copy there is confirmed."""
        task = asyncio.create_task(self._dismiss(message, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> bool:
        """Acknowledge what is settled and close the channel: the broker takes back the rest. False where it is mute."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=OPEN_TIMEOUT_S)
        if self._flusher is not None and not self._flusher.done():
            await self._flusher
        self._is_over = True
        try:
            if not self.channel.is_closed and self.channel.connection.is_opened:
                with as_unavailable("closing a channel"):
                    async with asyncio.timeout(CLOSE_TIMEOUT_S):
                        await self.channel.close()
        except BrokerUnavailable as error:
            log.info("a consuming channel did not close in order", error=str(error))
            return False
        finally:
            self._deliveries.leave(self.channel.number, self.take)
        return True

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
                    if settled:
                        reach("ack.before")
                    for tag in returned:
                        await self.channel.basic_nack(tag, requeue=True, wait=False)
                    for tag, multiple in settled:
                        await self.channel.basic_ack(tag, multiple=multiple, wait=False)
                    if settled:
                        reach("ack.after")
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


async def _goes_back(_: object) -> None:
    """All that is delivered is taken before aiormq sees it, but for what comes where a subscription has failed."""
    log.warning("a delivery for nobody goes back into its queue with the channel")
