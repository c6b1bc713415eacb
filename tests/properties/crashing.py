"""The ports of a process that dies: each call is two moments, before and after, and the fuse may blow at any.

Dead is dead: from then on every call fails, so that nothing more leaves the process. What lies behind the ports
(the store, the broker, the instances) lives on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from random import Random

from actors.broker import Broker, BrokerCondition, Delivery, Receiver
from actors.courier import Courier, InstanceReport
from actors.envelope import Announcement, Envelope
from actors.errands import Errand
from actors.errors import StoreUnavailable
from actors.leases import Lease, Member, Membership
from actors.messages import Message
from actors.store import JournalEntry, OutboxRow, Payload, Snapshot, Store, TaskRow, Transaction
from actors.task_lifecycle import TaskState

LATENCY_S = 0.002
"""Longer than a commit takes."""


class Killed(BaseException):
    """The process was killed here. Nothing in the code under test may catch it for good."""


class Fuse:
    """Counts the moments of a process, and blows at the `at`-th (from 0); None: never.

    The `stumble`-th commit (from 0) finds the store unavailable, once, and nothing dies of it; with `after_writing`
    the transaction is there all the same, and only the answer was lost.
    """

    def __init__(self, at: int | None = None, stumble: int | None = None, after_writing: bool = False) -> None:
        self.at = at
        self.stumble = stumble
        self.after_writing = after_writing
        self.moments: list[str] = []
        self.waiting = 0
        self.pausing = False
        self.blown = False

    def burn(self, moment: str) -> None:
        """One more moment. Raises Killed."""
        if self.blown or len(self.moments) == self.at:
            self.blown = True
            raise Killed(moment)
        self.pausing = self.pausing and moment != "turn"
        self.moments.append(moment)


class CrashingStore:
    """A `Store`; reads of the task table are the gateway's too, and cost no moment."""

    def __init__(self, inner: Store, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def join(self, member: Member, shards: Sequence[str], ttl: float) -> None:
        await self._inner.join(member, shards, ttl)

    async def renew(self, member: Member, ttl: float) -> Membership:
        return await self._inner.renew(member, ttl)

    async def acquire(self, shards: Sequence[str], owner: str) -> dict[str, Lease]:
        self._fuse.burn("before acquire")
        leases = await self._inner.acquire(shards, owner)
        self._fuse.burn("after acquire")
        return leases

    async def release(self, leases: Collection[Lease]) -> None:
        await self._inner.release(leases)

    async def leave(self, member_id: str) -> None:
        await self._inner.leave(member_id)

    async def commit(self, transaction: Transaction) -> None:
        self._fuse.burn("before commit")
        if self._fuse.moments.count("before commit") - 1 == self._fuse.stumble:
            self._fuse.stumble = None
            self._fuse.pausing = True
            if self._fuse.after_writing:
                await self._inner.commit(transaction)
            raise StoreUnavailable("the disk is busy")
        self._fuse.waiting += 1
        try:
            await self._inner.commit(transaction)
        finally:
            self._fuse.waiting -= 1
        self._fuse.burn("after commit")

    async def snapshot(self, shard: str) -> Snapshot | None:
        self._fuse.waiting += 1
        try:
            return await self._inner.snapshot(shard)
        finally:
            self._fuse.waiting -= 1

    async def save_snapshot(self, lease: Lease, snapshot: Snapshot) -> None:
        self._fuse.burn("before snapshot")
        self._fuse.waiting += 1
        try:
            await self._inner.save_snapshot(lease, snapshot)
        finally:
            self._fuse.waiting -= 1
        self._fuse.burn("after snapshot")

    async def journal(self, shard: str, after: int) -> AsyncIterator[JournalEntry]:
        self._fuse.waiting += 1
        try:
            entries = [entry async for entry in self._inner.journal(shard, after)]
        finally:
            self._fuse.waiting -= 1
        for entry in entries:
            yield entry

    async def outbox(self, shards: Collection[str]) -> list[OutboxRow]:
        self._fuse.burn("before outbox")
        return await self._inner.outbox(shards)

    async def received(self, ids: Collection[str]) -> set[str]:
        return await self._inner.received(ids)

    async def shards(self) -> frozenset[str]:
        return await self._inner.shards()

    async def forget_received(self, before: float) -> int:
        return await self._inner.forget_received(before)

    async def task(self, task_id: str) -> TaskRow | None:
        return await self._inner.task(task_id)

    async def tasks_by_remote_id(self, remote_id: str) -> list[TaskRow]:
        return await self._inner.tasks_by_remote_id(remote_id)

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        return await self._inner.tasks(agent_id=agent_id, states=states, limit=limit)

    async def inputs(self, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
        return await self._inner.inputs(task_ids)

    async def known(self, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        return await self._inner.known(task_ids)

    async def payload(self, task_id: str, part: str) -> Payload | None:
        return await self._inner.payload(task_id, part)

    async def story(self, task_id: str) -> list[JournalEntry]:
        return await self._inner.story(task_id)

    async def count_by_state(self) -> dict[TaskState, int]:
        return await self._inner.count_by_state()


class CrashingDelivery:
    """A `Delivery`. What a dead process puts back is no moment: its broker takes it back anyway."""

    def __init__(self, inner: Delivery, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    @property
    def envelopes(self) -> Sequence[Envelope]:
        return self._inner.envelopes

    @property
    def redeliverable(self) -> bool:
        return self._inner.redeliverable

    def settle(self) -> None:
        self._fuse.burn("before settle")
        self._inner.settle()
        self._fuse.burn("after settle")

    def put_back(self) -> None:
        self._inner.put_back()


class CrashingBroker:
    """A `Broker` that is one process's connection to `inner`.

    What waits in a queue comes shuffled. What is published takes its time, and what is delivered too, so that
    other turns are taken meanwhile; the order stays.
    """

    announces = False

    def __init__(self, inner: Broker, fuse: Fuse, chance: Random) -> None:
        self._inner = inner
        self._fuse = fuse
        self._chance = chance
        self._delivered_at = 0.0

    @property
    def condition(self) -> BrokerCondition:
        return self._inner.condition

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def declare(self, queues: Sequence[str]) -> None:
        self._fuse.burn("before declare")
        await self._inner.declare(queues)

    async def receive(self, queue: str, receiver: Receiver, *, temporary: bool = False, rank: int = 0) -> None:
        self._fuse.burn("before receive")
        waited: list[Delivery] = []
        waiting = True

        def take(delivery: Delivery) -> None:
            if waiting:
                waited.append(delivery)
            else:
                self._deliver_later(delivery, receiver)

        await self._inner.receive(queue, take, temporary=temporary, rank=rank)
        waiting = False
        self._chance.shuffle(waited)
        for delivery in waited:
            receiver(CrashingDelivery(delivery, self._fuse))

    async def stop_receiving(self, queue: str) -> None:
        await self._inner.stop_receiving(queue)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        self._fuse.burn("before publish")
        self._fuse.waiting += 1
        try:
            await asyncio.sleep(self._latency())
            if self._fuse.blown:
                raise Killed
            await self._inner.publish(envelopes)
        finally:
            self._fuse.waiting -= 1
        self._fuse.burn("after publish")

    def _deliver_later(self, delivery: Delivery, receiver: Receiver) -> None:
        def deliver() -> None:
            self._fuse.waiting -= 1
            if not self._fuse.blown:
                receiver(CrashingDelivery(delivery, self._fuse))

        loop = asyncio.get_running_loop()
        self._delivered_at = max(self._delivered_at + 1e-6, loop.time() + self._latency())
        self._fuse.waiting += 1
        loop.call_at(self._delivered_at, deliver)

    def _latency(self) -> float:
        return self._chance.choice([0.0, 0.0, LATENCY_S])

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        await self._inner.announce(announcements)


class CrashingCourier:
    """A `Courier`: the instance may have got what was sent, whatever becomes of the sender."""

    def __init__(self, inner: Courier, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def run(self, errand: Errand) -> Message | None:
        self._fuse.burn("before errand")
        outcome = await self._inner.run(errand)
        self._fuse.burn("after errand")
        return outcome

    async def discover(self, host: str, port: int) -> InstanceReport:
        return await self._inner.discover(host, port)


def crashing_clock(clock: Callable[[], float], fuse: Fuse) -> Callable[[], float]:
    """A clock: reading it is the first thing that a turn does."""

    def read() -> float:
        fuse.burn("turn")
        return clock()

    return read


def crashing_answer(answer: Callable[[Envelope], None], fuse: Fuse) -> Callable[[Envelope], None]:
    """The way of answers to askers in the same process."""

    def tell(envelope: Envelope) -> None:
        fuse.burn("before answer")
        answer(envelope)
        fuse.burn("after answer")

    return tell
