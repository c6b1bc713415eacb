"""Starts the actors of one process and keeps them running: takes over shards, rebuilds them, receives for them."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from actors.addresses import ActorKind, Address, kind_of_shard
from actors.behaviour import AnyBehaviour
from actors.broker import Broker
from actors.courier import Courier
from actors.envelope import Envelope
from actors.envelope_json import decode_parcel
from actors.errors import StoreUnavailable, WrongShards
from actors.messages.runtime import Resumed
from actors.outbox import Outbox
from actors.runtime import Runtime, RuntimeSettings
from actors.shard import Shard
from actors.store import Store

log = structlog.get_logger(__name__)

INBOX_KEPT_S = 7 * 86_400.0
"""How long the ids of received messages are kept (s): longer than any broker holds an unsettled message."""

TIDY_EVERY_S = 600.0
"""How often older ones are dropped (s)."""


class Supervisor:
    """The actors of one process. `failed` is set where they cannot go on (fenced, or a defect)."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        courier: Courier,
        behaviours: Mapping[ActorKind, AnyBehaviour],
        shards: Sequence[str],
        settings: RuntimeSettings,
        answer: Callable[[Envelope], None] = lambda _: None,
        asked_here: Collection[Address] = (),
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._broker = broker
        self._behaviours = behaviours
        self._names = shards
        self._clock = clock
        self._outbox = Outbox(broker, chance)
        self.runtime = Runtime(
            store, courier, self._outbox, settings, answer=answer, asked_here=asked_here, clock=clock, chance=chance
        )
        self._publishing: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Rebuild every actor from the store, repeat what was not confirmed as sent, then receive."""
        owner = f"{socket.gethostname()}:{os.getpid()}"
        await self._refuse_other_shards()
        leases = await self._store.take_over(self._names, owner)
        for name in self._names:
            shard = Shard(leases[name], self._behaviours[kind_of_shard(name)])
            await shard.load(self._store)
            self.runtime.host(shard)
            self._resume(shard)
        for row in await self._store.outbox(self._names):
            self._outbox.add(row.id, decode_parcel(row.body))
        await self._broker.declare([f"swarm.{name}" for name in self._names])
        self._publishing = asyncio.create_task(self._outbox.run(), name="outbox")
        self._running = asyncio.create_task(self.runtime.run(), name="actors")
        self._tidying = asyncio.create_task(self._tidy(), name="tidy")
        for name in self._names:
            await self._broker.receive(f"swarm.{name}", self.runtime.arrivals.add)

    async def wait(self) -> None:
        """Return when the actors have stopped; raises what stopped them, or their outbox."""
        parts = {part for part in (self._running, self._publishing) if part is not None}
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()

    async def stop(self, timeout: float) -> None:
        """Finish the current turn, send what is stored to be sent (for `timeout` seconds at most), keep snapshots."""
        if self._running is None or self._publishing is None or self._tidying is None:
            return
        self._tidying.cancel()
        for name in self._names:
            await self._broker.stop_receiving(f"swarm.{name}")
        self.runtime.stop()
        [ended] = await asyncio.gather(self._running, return_exceptions=True)
        await self.runtime.abandon_errands()
        try:
            async with asyncio.timeout(timeout):
                await self._outbox.wait_until_empty()
        except TimeoutError:
            log.warning("not all messages could be sent; they are stored and go out at the next start")
        self._publishing.cancel()
        await asyncio.gather(self._publishing, self._tidying, return_exceptions=True)
        if ended is None:
            try:
                await self.runtime.keep_snapshots()
            except StoreUnavailable as error:
                log.warning("no snapshots kept; the next start replays the journal", reason=str(error))

    async def _refuse_other_shards(self) -> None:
        """With another number of shards, actors would be looked for where they are not."""
        known = await self._store.shards()
        if known and not known.issuperset(self._names):
            per_kind = sum(kind_of_shard(name) == "agent" for name in known)
            wanted = sum(kind_of_shard(name) == "agent" for name in self._names)
            raise WrongShards(
                f"shards: this store was made with {per_kind} shards per kind and cannot be used with {wanted}; "
                f"set SWARMPILOT_SHARDS={per_kind}, or use another store"
            )

    async def _tidy(self) -> None:
        while True:
            try:
                await self._store.forget_received(self._clock() - INBOX_KEPT_S)
            except StoreUnavailable as error:
                log.warning("old message ids stay for now", reason=str(error))
            await asyncio.sleep(TIDY_EVERY_S)

    def _resume(self, shard: Shard) -> None:
        kind = kind_of_shard(shard.name)
        messages = [Envelope(shard.next_message_id(), Address(kind, key), Resumed()) for key in shard.keys]
        if messages:
            self.runtime.arrivals.add_local(messages)
