"""What must leave the process over the broker: published in order, with confirms, until it has been."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import structlog

from actors.broker import Broker
from actors.crash_points import reach
from actors.envelope import Announcement, Envelope
from actors.envelope_json import Parcel
from actors.errors import BrokerUnavailable

log = structlog.get_logger(__name__)

BUNDLE = 512
"""Rows are published together until they have so many parcels."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0


class Waiting(NamedTuple):
    """What one row has, its id, and the shard that sends it."""

    row_id: str
    parcels: Sequence[Parcel]
    shard: str


class Outbox:
    """Publishes what stored rows have. Rows that are confirmed, whole, are marked by the next transaction.

    Answers to attached workers are not stored: a worker repeats its report until it has heard.
    """

    def __init__(self, broker: Broker, chance: Callable[[], float] = random.random) -> None:
        self._broker = broker
        self._chance = chance
        self._waiting: deque[Waiting] = deque()
        self._under_way: list[Waiting] = []
        self._sent: list[str] = []
        self._arrived = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def add(self, row_id: str, parcels: Sequence[Parcel], shard: str = "") -> None:
        """Publish these as soon as possible. They are stored for this shard in the row `row_id` ("": not stored, lost
        with the process)."""
        self._waiting.append(Waiting(row_id, parcels, shard))
        self._quiet.clear()
        self._arrived.set()

    def drop(self, shards: Collection[str]) -> None:
        """Leave what these shards have stored to whoever hosts them next. What is being published may go out twice."""
        self._waiting = deque(waiting for waiting in self._waiting if waiting.shard not in shards)
        self._under_way = [waiting for waiting in self._under_way if waiting.shard not in shards]
        self._settle_down()

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
            self._under_way = bundle = self._next_bundle()
            reach("publish.before")
            try:
                await self._publish([parcel for waiting in bundle for parcel in waiting.parcels])
            except BrokerUnavailable as error:
                self._waiting.extendleft(reversed(self._under_way))
                self._under_way = []
                log.warning("outbox waits for the broker", waiting=len(self._waiting), reason=str(error))
                await asyncio.sleep(pause * (0.5 + self._chance()))
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            reach("publish.after")
            pause = FIRST_PAUSE_S
            self._under_way = []
            self._sent += [waiting.row_id for waiting in bundle if waiting.row_id]
            self._settle_down()

    def _next_bundle(self) -> list[Waiting]:
        bundle: list[Waiting] = []
        parcels = 0
        while self._waiting and parcels < BUNDLE:
            bundle.append(self._waiting.popleft())
            parcels += len(bundle[-1].parcels)
        return bundle

    def _settle_down(self) -> None:
        if not self._waiting and not self._under_way:
            self._arrived.clear()
            self._quiet.set()

    async def _publish(self, bundle: list[Parcel]) -> None:
        envelopes = [parcel for parcel in bundle if isinstance(parcel, Envelope)]
        announcements = [parcel for parcel in bundle if isinstance(parcel, Announcement)]
        if envelopes:
            await self._broker.publish(envelopes)
        if announcements:
            await self._broker.announce(announcements)
