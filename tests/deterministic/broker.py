"""The message broker of a simulated deployment, as its contract allows it to be: late, repeating, forgetful of
confirms; and after an error, of the order too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

from actors.addresses import queue_of
from actors.broker import BrokerCondition, Receiver
from actors.envelope import Announcement, Envelope
from actors.errors import BrokerUnavailable, NoSuchQueue
from tests.deterministic.process import Process
from tests.deterministic.virtual_loop import VirtualLoop
from tests.deterministic.weather import Weather

UNCONFIRMED_S = 1.5
"""How long a publisher waits for a confirm that does not come (s)."""

UNNOTICED_S = 4.0
"""How long the broker believes in a connection whose process has died or stands still (s)."""


class Watcher(Protocol):
    """Is told what arrived at the broker, and what a process took for done."""

    def arrived(self, envelopes: Sequence[Envelope]) -> None:
        """These are in their queue."""

    def announced(self, announcements: Sequence[Announcement]) -> None:
        """These are known to all."""

    def settled(self, envelopes: Sequence[Envelope]) -> None:
        """These will not come again."""


@dataclass(eq=False, slots=True)
class Message:
    """Envelopes that were published together. `number` is its place in the order of arrival."""

    envelopes: Sequence[Envelope]
    number: int


@dataclass(eq=False, slots=True)
class Consumer:
    """A connection that receives from a queue; what it holds, and when its last delivery comes.

    What arrives goes to those of the highest `rank`, as RabbitMQ's consumer priorities have it.
    """

    connection: Connection
    receiver: Receiver
    rank: int = 0
    holds: dict[int, Message] = field(default_factory=dict)
    delivered_at: float = 0.0
    is_gone: bool = False


@dataclass(eq=False, slots=True)
class Queue:
    """What waits, and who receives."""

    name: str
    is_temporary: bool = False
    waiting: deque[Message] = field(default_factory=deque)
    consumers: list[Consumer] = field(default_factory=list)
    turns: int = 0

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is in it, or on its way from it."""
        return not self.waiting and not any(consumer.holds for consumer in self.consumers)


class Cluster:
    """The broker itself. It never loses what it has confirmed."""

    def __init__(self, loop: VirtualLoop, weather: Weather, chance: Random, watcher: Watcher, shards: int) -> None:
        self.queues: dict[str, Queue] = {}
        self.loop = loop
        self.weather = weather
        self.chance = chance
        self.watcher = watcher
        self.shards = shards
        self.redelivered = 0
        self._numbers = count()

    def declare(self, name: str, *, is_temporary: bool = False) -> Queue:
        """Make the queue exist."""
        return self.queues.setdefault(name, Queue(name, is_temporary))

    def put(self, name: str, envelopes: Sequence[Envelope]) -> None:
        """They are in the queue from now on, unless it has gone meanwhile."""
        queue = self.queues.get(name)
        if queue is None:
            return
        self.watcher.arrived(envelopes)
        copies = 2 if self.weather.strikes("message doubled", self.loop.time()) else 1
        queue.waiting.extend(Message(envelopes, next(self._numbers)) for _ in range(copies))
        self.pump(queue)

    def pump(self, queue: Queue) -> None:
        """Send what waits on its way, to one after the other of its first receivers."""
        while queue.consumers and queue.waiting:
            message = queue.waiting.popleft()
            queue.turns += 1
            highest = max(consumer.rank for consumer in queue.consumers)
            first = [consumer for consumer in queue.consumers if consumer.rank == highest]
            consumer = first[queue.turns % len(first)]
            consumer.holds[id(message)] = message
            self._send(queue, consumer, message)

    def take_back(self, queue: Queue, consumer: Consumer, messages: Sequence[Message]) -> None:
        """They were not settled, and come again: in their old order, or as it happens."""
        back = [message for message in messages if consumer.holds.pop(id(message), None) is not None]
        back.sort(key=lambda message: message.number)
        if self.weather.strikes("returned in another order", self.loop.time()):
            self.chance.shuffle(back)
        self.redelivered += len(back)
        queue.waiting.extendleft(reversed(back))
        if self.queues.get(queue.name) is queue:
            self.pump(queue)

    def _send(self, queue: Queue, consumer: Consumer, message: Message) -> None:
        weather, now = self.weather, self.loop.time()
        if weather.strikes("delivery lost and repeated", now):
            self.loop.later(UNNOTICED_S, self.take_back, queue, consumer, [message])
            return
        delay = weather.way() + (self.chance.uniform(0.5, 6.0) if weather.strikes("message late", now) else 0.0)
        due = now + delay
        if not weather.strikes("messages out of order", now):
            due = consumer.delivered_at = max(consumer.delivered_at, due)
        process = consumer.connection.process
        process.soon(due - now, self._deliver, queue, consumer, message)

    def _deliver(self, queue: Queue, consumer: Consumer, message: Message) -> None:
        if not consumer.is_gone:
            consumer.receiver(Handed(self, queue, consumer, message))


class Handed:
    """A `Delivery`; it means nothing any more once its connection has been cut."""

    redeliverable = True

    def __init__(self, cluster: Cluster, queue: Queue, consumer: Consumer, message: Message) -> None:
        self.envelopes = message.envelopes
        self._cluster = cluster
        self._queue = queue
        self._consumer = consumer
        self._message = message

    def settle(self) -> None:
        """Forget it."""
        self._consumer.connection.process.moment()
        self._cluster.watcher.settled(self.envelopes)
        self._consumer.holds.pop(id(self._message), None)
        self._consumer.connection.process.moment()

    def put_back(self) -> None:
        """Deliver it again."""
        if not self._consumer.connection.process.is_dead:
            self._cluster.take_back(self._queue, self._consumer, [self._message])


class Connection:
    """A `Broker`: one process's connection, which comes back by itself after it was cut."""

    def __init__(self, cluster: Cluster, process: Process, *, announces: bool) -> None:
        self.process = process
        self.announces = announces
        self._cluster = cluster
        self._receiving: dict[str, tuple[Receiver, bool, int]] = {}
        self._consumers: dict[str, Consumer] = {}
        self._is_up = True
        process.on_death.append(lambda: cluster.loop.later(UNNOTICED_S * cluster.chance.random(), self.cut))

    @property
    def condition(self) -> BrokerCondition:
        return "up" if self._is_up else "down"

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        """The broker forgets the connection: what it held goes back, and its own queues are gone."""
        self._is_up = False
        for name in list(self._consumers):
            self._leave(name)

    def come_back(self) -> None:
        """Connect again, and receive from the same queues."""
        if self._is_up or self.process.is_dead:
            return
        self._is_up = True
        for name, (receiver, is_temporary, rank) in self._receiving.items():
            self._receive(name, receiver, is_temporary, rank)

    async def declare(self, queues: Sequence[str]) -> None:
        await self._reach()
        for name in queues:
            self._cluster.declare(name)

    async def receive(self, queue: str, receiver: Receiver, *, temporary: bool = False, rank: int = 0) -> None:
        await self._reach()
        self._receiving[queue] = (receiver, temporary, rank)
        if self._is_up:
            self._receive(queue, receiver, temporary, rank)

    async def stop_receiving(self, queue: str) -> None:
        await asyncio.sleep(self._cluster.weather.way())
        self._receiving.pop(queue, None)
        self._leave(queue)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        bundles: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            bundles.setdefault(queue_of(envelope.to, self._cluster.shards), []).append(envelope)
        await self._carry([self._putting(name, bundle) for name, bundle in bundles.items()])

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        await self._carry([lambda: self._cluster.watcher.announced(announcements)])

    async def _carry(self, parts: list[Callable[[], None]]) -> None:
        """Do these at the broker. Any number of them may be done where this raises BrokerUnavailable."""
        weather, loop = self._cluster.weather, self._cluster.loop
        await self._reach()
        unroutable: NoSuchQueue | None = None
        for part in parts:
            if weather.strikes("message lost on its way in", loop.time()):
                await asyncio.sleep(UNCONFIRMED_S)
                raise BrokerUnavailable("no confirm in time")
            try:
                part()
            except NoSuchQueue as error:
                unroutable = error
        self.process.moment()
        if weather.strikes("confirm lost", loop.time()):
            await asyncio.sleep(UNCONFIRMED_S)
            raise BrokerUnavailable("no confirm in time")
        await asyncio.sleep(weather.way())
        if unroutable is not None:
            raise unroutable

    def _putting(self, name: str, envelopes: list[Envelope]) -> Callable[[], None]:
        def put() -> None:
            if name not in self._cluster.queues:
                if envelopes[0].to.kind == "gateway" or (
                    envelopes[0].to.kind == "worker" and all(envelope.reply_to is None for envelope in envelopes)
                ):
                    return  # an answer to somebody who is gone
                raise NoSuchQueue(f"there is no queue {name}")
            self._cluster.put(name, envelopes)

        return put

    async def _reach(self) -> None:
        self.process.moment()
        await asyncio.sleep(self._cluster.weather.way())
        if not self._is_up or self._cluster.weather.strikes("broker away", self._cluster.loop.time()):
            raise BrokerUnavailable("not connected")

    def _receive(self, name: str, receiver: Receiver, is_temporary: bool, rank: int) -> None:
        queue = self._cluster.declare(name, is_temporary=is_temporary) if is_temporary else self._cluster.queues[name]
        consumer = self._consumers[name] = Consumer(self, receiver, rank)
        queue.consumers.append(consumer)
        self._cluster.pump(queue)

    def _leave(self, name: str) -> None:
        consumer, queue = self._consumers.pop(name, None), self._cluster.queues.get(name)
        if consumer is None or queue is None:
            return
        consumer.is_gone = True
        with suppress(ValueError):
            queue.consumers.remove(consumer)
        if queue.is_temporary:
            del self._cluster.queues[name]
        else:
            self._cluster.take_back(queue, consumer, list(consumer.holds.values()))
