"""Notices what is connected and deaf: a message through every queue of one's own, at regular intervals.

A subscription can be lost without an error: its queue was deleted and made again, a node forgot it, a proxy kept one
half of the connection. A canary that does not come back, while nothing else comes and there is room for more, has the
subscription made anew. Canaries end in the mailbox: no actor, no journal and no inbox gets to see them. None goes
through a queue that others receive from as well: it might come back to any of them, and where one is deaf others hear.

That an exchange was deleted, or a queue unbound from it, only those are told who publish to it. So both are made again
at each round, which does nothing where they are there.

One that the broker does not confirm, or refuses, says that it is connected and takes no messages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import structlog

from actors.errors import BrokerUnavailable
from actors.vitals import Vitals
from rabbitmq import frames
from rabbitmq.consumption import CANARY_TYPE
from rabbitmq.failures import as_unavailable
from rabbitmq.link import Link
from rabbitmq.mailbox import Mailbox
from rabbitmq.publisher import Post, Publisher

log = structlog.get_logger(__name__)

_PROPERTIES = frames.properties(CANARY_TYPE, frames.TRANSIENT)


@dataclass(slots=True)
class _Flight:
    """A canary that was put into a mailbox's queue at `sent_at` (monotonic seconds)."""

    mailbox: Mailbox
    sent_at: float


class Canary:
    """Watches the mailboxes that `mailboxes` returns; one that has heard nothing `every_s` after its canary is deaf.

    `bind` makes again what binds their queues. `rounds`: how often it has looked.
    """

    def __init__(
        self,
        publisher: Publisher,
        links: Collection[Link],
        mailboxes: Callable[[], Collection[Mailbox]],
        every_s: float,
        vitals: Vitals,
        bind: Callable[[], Awaitable[None]],
    ) -> None:
        self._publisher = publisher
        self._bind = bind
        self._links = links
        self._mailboxes = mailboxes
        self._every_s = every_s
        self._vitals = vitals
        self.rounds = 0
        self._flights: dict[str, _Flight] = {}

    async def run(self) -> None:
        """Send and look, for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            if any(link.connection is None or link.blocked for link in self._links):
                self._flights.clear()  # the links say so themselves, and what they carried is made anew with them
                continue
            self._look()
            await self._bind_again()
            await self._send()
            self.rounds += 1

    async def _bind_again(self) -> None:
        try:
            with as_unavailable("binding queues"):
                async with asyncio.timeout(self._every_s):
                    await self._bind()
        except BrokerUnavailable as error:
            log.warning("queues could not be bound", reason=str(error))

    def _look(self) -> None:
        for queue, flight in list(self._flights.items()):
            mailbox, part = flight.mailbox, flight.mailbox.part
            if mailbox not in self._mailboxes() or mailbox.heard_at >= flight.sent_at:
                del self._flights[queue]
                self._vitals.well(part, queue)
            elif mailbox.has_room:
                del self._flights[queue]
                self._vitals.ill(part, "connected, but nothing arrives", queue)
                self._vitals.counts["receiving renewed"] += 1
                log.warning("a canary did not come back; receiving anew", queue=queue)
                mailbox.renew()

    async def _send(self) -> None:
        own = [mailbox for mailbox in self._mailboxes() if mailbox.is_open and not mailbox.is_shared]
        due = [mailbox for mailbox in own if mailbox.queue not in self._flights]
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self._every_s):
                # One by one, so that a refusal names its queue.
                await asyncio.gather(
                    *(self._publisher.post([Post("", mailbox.queue, _PROPERTIES, b"")], again=False) for mailbox in due)
                )
        except (BrokerUnavailable, TimeoutError) as error:
            reason = str(error) or "no confirm in time"
            log.warning("canaries could not be sent", reason=reason)
            self._vitals.ill("broker", f"connected, but takes no messages: {reason}", "canary")
            return
        self._vitals.well("broker", "canary")
        for mailbox in due:
            self._flights[mailbox.queue] = _Flight(mailbox, sent_at)
