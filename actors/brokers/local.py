"""The broker inside one process: queues in memory. With it the service needs nothing but its store.

What is published is lost with the process; the outbox publishes again what must not be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.addresses import queue_of
from actors.broker import BrokerCondition, Receiver
from actors.envelope import Announcement, Envelope
from actors.errors import BrokerUnavailable, NoSuchQueue


class LocalParcels:
    """Envelopes that were published together. `holder` has been given them, and has not settled them yet."""

    __slots__ = ("_queue", "envelopes", "holder", "redeliverable")

    def __init__(
        self, envelopes: Sequence[Envelope], queue: LocalQueue, redeliverable: bool, holder: LocalBroker | None = None
    ) -> None:
        self.envelopes = envelopes
        self.redeliverable = redeliverable
        self.holder = holder
        self._queue = queue

    def settle(self) -> None:
        """Forget it."""
        self._queue.unsettled.pop(id(self), None)

    def put_back(self) -> None:
        """Deliver it again, before anything newer."""
        if self._queue.unsettled.pop(id(self), None) is not None:
            self._queue.waiting.appendleft(self)
            self._queue.deliver()


@dataclass(slots=True)
class LocalQueue:
    """What waits, and what was delivered and not settled. Of the receivers the one of the highest rank is given all."""

    waiting: deque[LocalParcels] = field(default_factory=deque)
    unsettled: dict[int, LocalParcels] = field(default_factory=dict)
    receivers: dict[LocalBroker, tuple[int, Receiver]] = field(default_factory=dict)

    def deliver(self) -> None:
        """Hand what waits to the receiver."""
        while self.receivers and self.waiting:
            holder, (_, receiver) = max(self.receivers.items(), key=lambda item: item[1][0])
            # An object of its own for each delivery: who is given it no longer must not settle it for the next.
            waited = self.waiting.popleft()
            parcels = LocalParcels(waited.envelopes, self, waited.redeliverable, holder)
            self.unsettled[id(parcels)] = parcels
            receiver(parcels)

    def hand_back(self, holder: LocalBroker) -> None:
        """What this one was given and has not settled waits again, in its old order, for the others."""
        self.receivers.pop(holder, None)
        returned = [parcels for parcels in self.unsettled.values() if parcels.holder is holder]
        for parcels in returned:
            del self.unsettled[id(parcels)]
        self.waiting.extendleft(reversed(returned))
        self.deliver()


class LocalBroker:
    """A `Broker` in memory.

    `keeps` says whether the queues outlive this process as seen by its receivers: a test that stops a
    runtime and starts another on the same broker sets it, and gets redelivery as from a real broker.
    """

    announces = False

    def __init__(self, *, shards: int = 8, keeps: bool = False) -> None:
        self._shards = shards
        self._keeps = keeps
        self._queues: dict[str, LocalQueue] = {}
        self._temporary: set[str] = set()
        self._open = False

    def beside(self) -> LocalBroker:
        """Another one on the same queues, as another process would have it."""
        other = LocalBroker(shards=self._shards, keeps=self._keeps)
        other._queues = self._queues
        return other

    @property
    def condition(self) -> BrokerCondition:
        """Up between `open` and `close`."""
        return "up" if self._open else "down"

    async def open(self) -> None:
        """Begin."""
        self._open = True

    async def close(self) -> None:
        """Hand back what is unsettled."""
        self._open = False
        for name in list(self._queues):
            await self.stop_receiving(name)

    async def declare(self, queues: Sequence[str]) -> None:
        """Make these queues exist."""
        for name in queues:
            self._queues.setdefault(name, LocalQueue())

    async def receive(self, queue: str, receiver: Receiver, *, temporary: bool = False, rank: int = 0) -> None:
        """Deliver what is in the queue, then what comes."""
        if temporary:
            self._temporary.add(queue)
            await self.declare([queue])
        if queue not in self._queues:
            raise BrokerUnavailable(f"queue {queue} is not declared")
        self._queues[queue].receivers[self] = (rank, receiver)
        self._queues[queue].deliver()

    async def stop_receiving(self, queue: str) -> None:
        """Deliver no more."""
        self._queues[queue].hand_back(self)
        if queue in self._temporary:
            self._temporary.discard(queue)
            del self._queues[queue]

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Put each envelope into its receiver's queue; those for one queue stay together."""
        if not self._open:
            raise BrokerUnavailable("the local broker is closed")
        bundles: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            name = queue_of(envelope.to, self._shards)
            if envelope.to.kind in ("gateway", "producer") and name not in self._queues:
                continue  # an answer to somebody who is gone, or who asked elsewhere: nobody waits for it
            bundles.setdefault(name, []).append(envelope)
        for name in bundles:
            if name not in self._queues:
                raise NoSuchQueue(f"queue {name} does not exist")
        for name, bundle in bundles.items():
            queue = self._queues[name]
            # A request whose asker died with this process does not come again; what an outbox sends does.
            redeliverable = self._keeps or any(envelope.reply_to is None for envelope in bundle)
            queue.waiting.append(LocalParcels(bundle, queue, redeliverable))
            queue.deliver()

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Nobody listens inside one process."""
