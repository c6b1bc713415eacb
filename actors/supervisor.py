"""Starts the actors of one process and keeps them running: takes over shards, rebuilds them, receives for them."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import structlog

from actors.addresses import ActorKind, Address, all_shards, kind_of_shard
from actors.behaviour import AnyBehaviour
from actors.broker import Broker
from actors.courier import Courier
from actors.crash_points import reach
from actors.ending import end
from actors.envelope import Envelope
from actors.envelope_json import decode_parcels
from actors.errors import BrokerUnavailable, Fenced, StoreInUse, StoreUnavailable
from actors.fair_shares import fair_change
from actors.leases import Lease, Member, Membership
from actors.messages.runtime import Resumed
from actors.outbox import Outbox
from actors.runtime import Runtime, RuntimeSettings
from actors.shard import Shard
from actors.store import Store
from actors.tenure import LeaseSettings, Tenure
from actors.upkeep import refuse_other_shards, tidy
from actors.vitals import Vitals

log = structlog.get_logger(__name__)


class Supervisor:
    """The actors of one process: those of its share of `shards`, which are all that it could host.

    Where nobody else lives on the store, its share is all of them. `member_id` tells this process from all others there
    ever are; by default it is made up.
    """

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
        leases: LeaseSettings = LeaseSettings(),  # noqa: B008  (frozen)
        lease_clock: Callable[[], float] = time.monotonic,
        vitals: Vitals | None = None,
        chance: Callable[[], float] = random.random,
        member_id: str = "",
    ) -> None:
        self._store = store
        self._broker = broker
        self._behaviours = behaviours
        self._names = shards
        self._settings = settings
        self._deployment = all_shards(settings.shards)
        self._clock = clock
        self._leases = leases
        self._outbox = Outbox(broker, chance)
        self._vitals = vitals or Vitals()
        member = Member(member_id or _new_member_id(), frozenset(kind_of_shard(name) for name in shards))
        self.tenure = Tenure(store, member, leases, lease_clock)
        self.membership = Membership()
        self.runtime = Runtime(
            store,
            courier,
            self._outbox,
            settings,
            self.tenure,
            answer=answer,
            asked_here=asked_here,
            clock=clock,
            on_loss=self._lost_some,
            vitals=self._vitals,
            chance=chance,
        )
        self._changing = asyncio.Lock()
        self._received: set[str] = set()
        self._look_soon = asyncio.Event()
        self._publishing: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take this process's share, rebuild its actors from the store, repeat what was not confirmed as sent, receive;
        then follow who comes and goes. Raises WrongShards, StoreUnavailable, BrokerUnavailable."""
        await refuse_other_shards(self._store, self._deployment)
        reach("start.opened")
        await self.tenure.join(self._deployment)
        await self._broker.declare([f"swarm.{name}" for name in self._deployment])
        reach("start.declared")
        self._publishing = asyncio.create_task(self._outbox.run(), name="outbox")
        self._running = asyncio.create_task(self.runtime.run(), name="actors")
        await self.look()
        self._background = [
            asyncio.create_task(self._follow(), name="follow"),
            asyncio.create_task(tidy(self._store, self.runtime, self._clock), name="tidy"),
        ]

    async def wait(self) -> None:
        """Return when the actors have stopped; raises what stopped them, or their outbox."""
        parts = {part for part in (self._running, self._publishing, *self._background) if part is not None}
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()

    async def look(self) -> None:
        """Live on, drop what others have taken, take what is free of this process's share, give up what is beyond it.

        Raises StoreUnavailable, BrokerUnavailable; what could not be done then is done at the next look.
        """
        async with self._changing:
            self.membership = await self.tenure.renew()
            await self._refuse_company()
            me = self.tenure.member.id
            lost = [s.name for s in self.runtime.shards if not self.membership.holds(me, s.name, s.epoch)]
            await self._drop(lost)
            self.tenure.resume()
            await self._stop_receiving(self._received - self.runtime.shards.names)
            change = fair_change(me, self._names, self.runtime.shards.names, self.membership)
            await self._release_leftovers(change.take)
            if change.give_up:
                await self._hand_over(change.give_up)
            if change.take:
                await self._take(change.take)
            await self._receive()

    async def stop(self, timeout: float) -> None:
        """Finish the current turn, send what is stored to be sent (for `timeout` seconds at most), keep snapshots, and
        let others have the shards."""
        if self._running is None or self._publishing is None:
            return
        await end(*self._background)
        async with self._changing:
            ended = await self._end_turns(self._running)
            # After the turn, which settles what it has decided: a command without an identity must not come again.
            await self._stop_receiving(set(self._received))
            await self.runtime.abandon_errands()
            try:
                async with asyncio.timeout(timeout):
                    await self._outbox.wait_until_empty()
            except TimeoutError:
                log.warning("not all messages could be sent; they are stored, and whoever comes next sends them")
            await end(self._publishing)
            reach("stop.drained")
            if ended is None:
                await self._keep(self.runtime.unhost(self.runtime.shards.names))
            with suppress(StoreUnavailable):
                await self._store.leave(self.tenure.member.id)

    async def _end_turns(self, running: asyncio.Task[None]) -> BaseException | None:
        """Let the turn end that is under way, as long as it could still write; how all of it ended."""
        self.runtime.stop()
        while self.tenure.is_good and not running.done():
            await asyncio.wait({running}, timeout=self._leases.look_s)
        await end(running)
        return asyncio.CancelledError() if running.cancelled() else running.exception()

    async def _take(self, names: Sequence[str]) -> None:
        """Become the owner of these where they are free, and run them."""
        leases = await self._store.acquire(names, self.tenure.member.id)
        reach("start.leased")
        shards = [Shard(leases[name], self._behaviours[kind_of_shard(name)]) for name in names if name in leases]
        async with self._heard_of():
            for shard in shards:
                await shard.load(self._store, is_told=True)
            rows = await self._store.outbox(list(leases)) if leases else []
        reach("start.loaded")
        async with self.runtime.between_turns:
            for row in rows:
                self._outbox.add(row.id, decode_parcels(row.body), row.shard)
            if shards:
                self.runtime.host(shards, is_alone=self._leases.is_alone)
            for shard in shards:
                self._resume(shard)
        if shards:
            log.info("hosting", shards=sorted(leases), hosted=len(self.runtime.shards.names))

    @asynccontextmanager
    async def _heard_of(self) -> AsyncIterator[None]:
        """Live on meanwhile: to rebuild a shard with a long history may take longer than a lease lasts."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._leases.look_s)
                with suppress(StoreUnavailable):
                    await self.tenure.renew()
                    self.tenure.resume()

        renewing = asyncio.create_task(renew(), name="renew")
        try:
            yield
        finally:
            await end(renewing)

    async def _hand_over(self, names: Collection[str]) -> None:
        """Give these up in good order: what they have decided is stored; who hosts them next sends what is left."""
        async with self.runtime.between_turns:
            shards = self.runtime.unhost(names)
        await self._stop_receiving(set(names))
        await self._keep(shards)
        log.info("gave up", shards=sorted(names), hosted=len(self.runtime.shards.names))

    async def _keep(self, shards: Sequence[Shard]) -> None:
        """Save what these are now, and let others have them."""
        try:
            await self.runtime.keep_snapshots(shards)
            await self._store.release([shard.lease for shard in shards])
        except StoreUnavailable as error:
            log.warning("no snapshots kept; whoever comes next replays the journal", reason=str(error))
        except Fenced as fenced:
            log.warning("gave up what was taken already", shards=sorted(fenced.shards))

    async def _release_leftovers(self, wanted: Collection[str]) -> None:
        """What is recorded as this process's, and neither runs here nor will: giving it up was not heard of."""
        mine = [name for name, owner in self.membership.owners.items() if owner == self.tenure.member.id]
        left = [name for name in mine if name not in self.runtime.shards and name not in wanted]
        if left:
            await self._store.release([Lease(name, self.membership.epochs[name], 0) for name in left])

    async def _drop(self, names: Collection[str]) -> None:
        """Others have these. Raises Fenced where that cannot be."""
        if names:
            if not self._settings.outlives_fence:
                raise Fenced(names)
            log.warning("shards were taken while this process was not heard of", shards=sorted(names))
            async with self.runtime.between_turns:
                self.runtime.unhost(names)

    def _lost_some(self, _: Collection[str]) -> None:
        self._look_soon.set()

    async def _receive(self) -> None:
        """For all that runs here, before those who had it and do not know yet that it is gone."""
        for shard in list(self.runtime.shards):
            if shard.name not in self._received:
                await self._broker.receive(f"swarm.{shard.name}", self.runtime.arrivals.add, rank=shard.epoch)
                self._received.add(shard.name)

    async def _stop_receiving(self, names: Collection[str]) -> None:
        for name in sorted(names):
            self._received.discard(name)
            await self._broker.stop_receiving(f"swarm.{name}")

    async def _follow(self) -> None:
        """Look again and again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._leases.look_s):
                    await self._look_soon.wait()
            self._look_soon.clear()
            try:
                await self.look()
            except (StoreUnavailable, BrokerUnavailable) as error:
                log.warning("could not look after the shards; trying again", reason=str(error))
                self._vitals.ill("store" if isinstance(error, StoreUnavailable) else "broker", str(error), "leases")
                await asyncio.sleep(self._leases.look_s)
            else:
                self._are_well()

    def _are_well(self) -> None:
        for part in ("store", "broker"):
            self._vitals.well(part, "leases")
        if not self.runtime.shards.names:
            self._vitals.well("store")  # what could not be written is for others to do, and nothing else may ever be

    async def _refuse_company(self) -> None:
        """Who has no broker in common with others would never hear of what they decide."""
        if self._leases.is_alone and len(self.membership.members) > 1:
            await self._store.leave(self.tenure.member.id)
            others = sorted(self.membership.members.keys() - {self.tenure.member.id})
            raise StoreInUse(
                f"this store is in use by {', '.join(others)}, and this process has no broker to reach it by: "
                "give each of them --amqp with the same RabbitMQ, or this one another store"
            )

    def _resume(self, shard: Shard) -> None:
        kind = kind_of_shard(shard.name)
        messages = [Envelope(shard.next_message_id(), Address(kind, key), Resumed()) for key in shard.keys]
        if messages:
            self.runtime.arrivals.add_local(messages)


def _new_member_id() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
