"""A subscription to one queue, kept up through reconnects.

Each has a channel of its own. Tags are of that channel: when it is lost, what was not settled comes again, and settling
what came over it before has no effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiormq.abc import AbstractChannel
from pamqp.common import FieldTable

from actors.broker import Receiver
from actors.ending import end
from actors.errors import BrokerUnavailable
from actors.vitals import Part
from rabbitmq.consumption import Bury, Consumption, Read
from rabbitmq.deliveries import Deliveries
from rabbitmq.failures import as_unavailable
from rabbitmq.link import Link

PREFETCH = 256
"""Messages under way to us at once; each is a bundle of up to 256 envelopes, or one command."""
OPEN_TIMEOUT_S = 10.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0

_PARTS: Final[dict[str, Part]] = {
    "scheduler": "scheduler", "agent": "agents", "dispatcher": "dispatchers", "gateway": "gateway",
}  # fmt: skip

log = structlog.get_logger(__name__)

Declare = Callable[[AbstractChannel], Awaitable[AbstractChannel]]


class Mailbox:
    """A subscription to one queue that renews itself. `is_shared`: others receive from that queue as well."""

    def __init__(
        self,
        link: Link,
        queue: str,
        declare: Declare,
        read: Read,
        bury: Bury,
        receiver: Receiver,
        rank: int = 0,
        *,
        is_shared: bool = False,
    ) -> None:
        self.queue = queue
        self.is_shared = is_shared
        self._link = link
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
        self._keeper = asyncio.create_task(self._keep(), name=f"mailbox {self.queue}")

    async def close(self) -> None:
        """Consume no more."""
        await end(self._keeper)
        self._link.vitals.well(self.part, self.queue)
        if self._consumption is not None:
            await self._finish(self._consumption)

    @property
    def part(self) -> Part:
        """The part of the service that does not work while nothing is heard here."""
        return _PARTS.get(self.queue.split(".")[1].partition("-")[0], "broker")

    @property
    def is_open(self) -> bool:
        """Whether it consumes, as far as it knows."""
        return self._consumption is not None

    @property
    def heard_at(self) -> float:
        """When anything last arrived (monotonic seconds)."""
        return 0.0 if self._consumption is None else self._consumption.heard_at

    @property
    def has_room(self) -> bool:
        """Whether the broker would deliver more."""
        return self._consumption is not None and self._consumption.unsettled < PREFETCH

    def renew(self) -> None:
        """Give the subscription up and make another."""
        self._cancelled.set()

    async def _keep(self) -> None:
        delay = FIRST_DELAY_S
        while True:
            try:
                await self._end_of_channel()
                await self._link.up()
                await self._consume()
                if delay > FIRST_DELAY_S:
                    self._link.vitals.well(self.part, self.queue)
                delay = FIRST_DELAY_S
            except Exception as error:  # whatever it is: connected and deaf is the one thing not to be
                log.info("cannot consume yet", queue=self.queue, error=repr(error))
                if delay > FIRST_DELAY_S:  # again: no canary is sent where nobody could hear it
                    self._link.vitals.ill(self.part, f"connected, but cannot receive: {error}", self.queue)
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
        await self._finish(lost)

    async def _finish(self, consumption: Consumption) -> None:
        """End it; where it is not certain that the broker knows, which would go on delivering what nobody settles, with
        its connection."""
        has_ended = False
        try:
            has_ended = await consumption.finish()
        finally:
            if not has_ended:
                self._link.suspect()

    async def _consume(self) -> None:
        with as_unavailable(f"consuming from {self.queue}"):
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
        consumption = Consumption(channel, deliveries, self._bury, self._read, self._receiver, self._link.vitals)
        self._cancelled.clear()
        # The broker ends a subscription whose queue is deleted or loses its node.
        channel.on_consumer_cancel_callbacks.add(lambda _: self._cancelled.set())
        await channel.basic_qos(prefetch_count=PREFETCH)
        await consumption.begin(self.queue, self._arguments)
        return consumption
