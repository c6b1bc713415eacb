"""A process that has been replaced and does not know it: whatever it takes in then must have no effect."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.addresses import SCHEDULER, all_shards
from actors.brokers.local import LocalBroker
from actors.envelope import Envelope
from actors.errors import Fenced
from actors.messages import Message
from actors.stores.sqlite import SqliteStore
from actors.supervisor import Supervisor
from tests.leasing import take_from
from tests.properties.fake_instances import FakeInstances
from tests.properties.one_process import BEHAVIOURS, SETTINGS, SHARDS


@dataclass(slots=True)
class Handed:
    """A `Delivery` that remembers what became of it."""

    envelopes: Sequence[Envelope]
    redeliverable: bool = True
    settled: bool = False
    came_back: bool = False

    def settle(self) -> None:
        """Taken in."""
        self.settled = True

    def put_back(self) -> None:
        """Not taken in."""
        self.came_back = True


def outlive(path: Path, messages: Sequence[Message]) -> Fenced:
    """A process that has been replaced, and does not know it yet, takes each of these in; how the last ended it."""
    return asyncio.run(_outlive(path, messages))


async def _outlive(path: Path, messages: Sequence[Message]) -> Fenced:
    store, broker = SqliteStore(path), LocalBroker(shards=SHARDS, keeps=True)
    await store.open()
    await broker.open()
    try:
        old = Supervisor(store, broker, FakeInstances(lambda *_: "accept"), BEHAVIOURS, all_shards(SHARDS), SETTINGS)
        await old.start()
        await take_from(store, old.tenure.member.id, all_shards(SHARDS), "another")
        delivery = Handed([Envelope(f"gateway:{n}", SCHEDULER, message) for n, message in enumerate(messages)])
        old.runtime.arrivals.add(delivery)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await old.wait()
        raise AssertionError("it goes on")
    except Fenced as fenced:
        assert delivery.came_back
        assert not delivery.settled
        assert not await store.received([envelope.id for envelope in delivery.envelopes])
        return fenced
    finally:
        await store.close()
