"""The composition root: every part that a process of these roles needs, made and joined; nothing else joins them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from actors.errors import BrokerUnavailable, StoreUnavailable
from actors.settings import Settings
from actors.vitals import Illness, Part
from gateway.actors_here import ActorsHere
from gateway.edge import Edge, Phase, ServiceStatus
from gateway.foundation import Foundation
from gateway.roles import ALL_ROLES, HOSTS, Role

if TYPE_CHECKING:
    from gateway.front import Front


class Service:
    """One process: a gateway, a host of actors, or both, over the embedded broker or RabbitMQ.

    Raises ValueError where what is configured cannot be used.
    """

    def __init__(self, settings: Settings, roles: frozenset[Role] = ALL_ROLES) -> None:
        self.settings = settings
        self.roles = roles
        self.phase: Phase = "starting"
        self.grpc_port: int | None = None
        self._hindrance: Illness | None = None
        self._front = self._make_front() if "gateway" in self.roles else None
        self._make_parts()

    def _make_parts(self) -> None:
        self._foundation = Foundation(self.settings)
        kinds = {kind for role, kind in HOSTS.items() if role in self.roles}
        self._actors = ActorsHere(self._foundation, kinds) if kinds else None
        if self._front is not None:
            self._front.stand_on(self._foundation)

    def _make_front(self) -> Front:
        # Who hosts actors alone starts in half the time without web framework and gRPC.
        from gateway.front import Front

        return Front(self.settings, lambda: self.phase, self.status)

    @property
    def edge(self) -> Edge:
        """What REST is built on. For a gateway."""
        if self._front is None:
            raise ValueError(f"roles: {', '.join(sorted(self.roles))} serve no clients")
        return self._front.edge

    def status(self) -> ServiceStatus:
        """How the service is now."""
        return ServiceStatus(
            self.phase,
            self._foundation.broker.condition if self.settings.amqp else None,
            self._actors.shards if self._actors is not None else None,
            self._actors.fenced_writes if self._actors is not None else 0,
            [self._hindrance] if self._hindrance is not None else self._foundation.vitals.illnesses,
            self._foundation.vitals.counts,
        )

    async def start(self) -> None:
        """Open everything, rebuild the actors, then serve. What was opened is closed again where one part fails."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def attempt(self) -> None:
        """The same, but where the store or the broker is away, another attempt can be made: clients hear that it is
        starting meanwhile, and the status says what is missing."""
        try:
            await self._start()
        except (BrokerUnavailable, StoreUnavailable) as error:
            part: Part = "store" if isinstance(error, StoreUnavailable) else "broker"
            since = self._hindrance.since if self._hindrance and self._hindrance.part == part else time.time()
            self._hindrance = Illness(part, "start", since, str(error))
            await self._close()
            self._make_parts()
            raise
        self._hindrance = None

    async def _start(self) -> None:
        if self._front is not None:
            self.grpc_port = await self._front.listen()
        await self._foundation.open()
        if self._actors is not None:
            await self._actors.start()
        else:
            await self._foundation.declare()
        if self._front is not None:
            await self._front.start(chooses_first=self._actors is not None and self._actors.has_scheduler)
        self.phase = "serving"

    def begin_drain(self) -> None:
        """Refuse new tasks and, where nobody else goes on, start none; what instances report is still taken in."""
        self.phase = "draining"
        if self._front is not None:
            self._front.begin_drain()
        if self._actors is not None and not self._actors.has_peers:
            self._actors.hold_pushes()

    async def drained(self) -> None:
        """Return once no instance is working on a task that others would not go on with."""
        if self._actors is not None and self.roles == ALL_ROLES:
            await self._actors.drained()

    async def wait(self) -> None:
        """Return when the actors have stopped; raises what stopped them. Never, where there are none."""
        if self._actors is not None:
            await self._actors.wait()
        else:
            await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        """Stop serving, keep everything, close everything."""
        self.phase = "draining"
        if self._front is not None:
            await self._front.stop()
        await self._close()

    async def _close(self) -> None:
        if self._front is not None:
            self._front.step_off()
        if self._actors is not None:
            await self._actors.stop()
        await self._foundation.close()
