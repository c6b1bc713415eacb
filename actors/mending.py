"""After a turn whose transaction failed: what the store has of it, and the shards in memory as they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

import structlog

from actors.addresses import Address
from actors.errors import StoreUnavailable
from actors.hosted_shards import HostedShards
from actors.shard import Shard
from actors.store import ShardAppend, Store, Transaction

T = TypeVar("T")

log = structlog.get_logger(__name__)

PAUSE_S = 0.2
"""Pause before the store is tried again (s)."""


class Mending:
    """What is in memory may be ahead of the store. It waits for a store that is away."""

    def __init__(self, store: Store, shards: HostedShards) -> None:
        self._store = store
        self._shards = shards
        self._asleep_until: dict[Address, float] = {}

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
                        shard.wakeups.set(address.key, until)

    async def was_written(self, transaction: Transaction) -> bool:
        """Whether it is there after all, and only the answer was lost."""
        for append in transaction.appends:
            if append.entries:
                return await self._until_read(partial(_is_stored, self._store, append))
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
                log.error("the store cannot be read; trying again", reason=str(error))
                await asyncio.sleep(PAUSE_S)


async def _is_stored(store: Store, append: ShardAppend) -> bool:
    """Whether the journal has these very entries, and not those of another owner."""
    newest = append.entries[-1]
    async for entry in store.journal(append.shard, newest.seq - 1):
        return entry == newest
    return False
