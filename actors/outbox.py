"""What must leave the process over the broker: published in order, with confirms, until it has been."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable

import structlog

from actors.broker import Broker
from actors.envelope import Announcement, Envelope
from actors.envelope_json import Parcel
from actors.errors import BrokerUnavailable

log = structlog.get_logger(__name__)

BUNDLE = 512
"""Parcels published together at most."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0


class Outbox:
    """Publishes parcels whose rows are stored. What is confirmed is marked by the next transaction.

    Answers to attached workers are not stored: a worker repeats its report until it has heard.
    """

    def __init__(self, broker: Broker, chance: Callable[[], float] = random.random) -> None:
        self._broker = broker
        self._chance = chance
        self._waiting: deque[tuple[str, Parcel]] = deque()
        self._sent: list[str] = []
        self._arrived = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def add(self, row_id: str, parcel: Parcel) -> None:
        """Publish this, which is stored under `row_id` ("": not stored, lost with the process), as soon as possible."""
        self._waiting.append((row_id, parcel))
        self._quiet.clear()
        self._arrived.set()

    def take_sent(self) -> list[str]:
        """The row ids confirmed since the last call."""
        sent, self._sent = self._sent, []
        return sent

    def put_back_sent(self, row_ids: list[str]) -> None:
        """These could not be marked; let the next transaction do it."""
        self._sent = row_ids + self._sent

    async def wait_until_empty(self) -> None:
        """Return once everything added so far is confirmed."""
        await self._quiet.wait()

    async def run(self) -> None:
        """Publish for ever; after a failure, the same again, with growing pauses."""
        pause = FIRST_PAUSE_S
        while True:
            await self._arrived.wait()
            bundle = [self._waiting[n] for n in range(min(BUNDLE, len(self._waiting)))]
            try:
                await self._publish([parcel for _, parcel in bundle])
            except BrokerUnavailable as error:
                log.warning("outbox waits for the broker", waiting=len(self._waiting), reason=str(error))
                await asyncio.sleep(pause * (0.5 + self._chance()))
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            for row_id, _ in bundle:
                self._waiting.popleft()
                if row_id:
                    self._sent.append(row_id)
            if not self._waiting:
                self._arrived.clear()
                self._quiet.set()

    async def _publish(self, bundle: list[Parcel]) -> None:
        envelopes = [parcel for parcel in bundle if isinstance(parcel, Envelope)]
        announcements = [parcel for parcel in bundle if isinstance(parcel, Announcement)]
        if envelopes:
            await self._broker.publish(envelopes)
        if announcements:
            await self._broker.announce(announcements)
