"""After a turn whose transaction failed: what the store has of it, and the shards in memory as they are stored."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

from actors.addresses import Address
from actors.backoff import exponential, spread
from actors.errors import StoreUnavailable
from actors.hosted_shards import HostedShards
from actors.shard import Shard
from actors.store import ShardAppend, Store, Transaction
from actors.vitals import Vitals

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Pauses before the store is tried again (s): doubling, and spread."""


class Mending:
    """What is in memory may be ahead of the store. It waits for a store that is away."""

    def __init__(
        self, store: Store, shards: HostedShards, vitals: Vitals, chance: Callable[[], float] = random.random
    ) -> None:
        self._store = store
        self._chance = chance
        self._vitals = vitals
        self._failures = 0
        self._shards = shards
        self._asleep_until: dict[Address, float] = {}

    async def pause(self, error: StoreUnavailable) -> None:
        """Wait before the store is tried again, the longer the more often it has failed."""
        self._failures += 1
        self._vitals.ill("store", str(error))
        await asyncio.sleep(spread(exponential(self._failures, FIRST_PAUSE_S, LONGEST_PAUSE_S), self._chance()))

    def is_mended(self) -> None:
        """The store has taken a transaction, or refused it."""
        self._failures = 0
        self._vitals.well("store")

    def let_sleep(self, address: Address, until: float) -> None:
        """Do not wake this actor before, though its state wants it (Unix seconds)."""
        self._asleep_until[address] = until

    async def rebuild(self, names: Iterable[str]) -> None:
        """Those of these shards that run here, anew from the store."""
        for name in names:
            if name in self._shards:
                shard = await self._until_read(partial(self._load, name))
                self._shards.add(shard)
                for address, until in self._asleep_until.items():
                    if self._shards.find(address) is shard:
                        shard.let_sleep(address.key, until)

    async def was_written(self, transaction: Transaction) -> bool:
        """Whether it is there after all, and only the answer was lost."""
        for append in transaction.appends:
            if append.entries:
                return await self._until_read(partial(_is_stored, self._store, append))
        if transaction.outbox:
            row = transaction.outbox[0]
            stored = await self._until_read(lambda: self._store.outbox([row.shard]))
            return row.id in {other.id for other in stored}
        ids = transaction.inbox
        return bool(ids) and await self._until_read(lambda: self._store.received(ids)) >= set(ids)

    async def _load(self, name: str) -> Shard:
        shard = self._shards[name].reborn()
        await shard.load(self._store)
        return shard

    async def _until_read(self, read: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await read()
            except StoreUnavailable as error:
                await self.pause(error)


async def _is_stored(store: Store, append: ShardAppend) -> bool:
    """Whether the journal has these very entries, and not those of another owner."""
    newest = append.entries[-1]
    async for entry in store.journal(append.shard, newest.seq - 1):
        return entry == newest
    return False
