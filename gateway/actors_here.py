"""The actors of a process: its share of the kinds that its roles host."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from actors.addresses import SCHEDULER, ActorKind, all_shards, kind_of_shard
from actors.ending import end
from actors.envelope import Envelope
from actors.messages.answers import QueuesDescribed
from actors.messages.scheduler import DescribeQueues
from actors.retention import Retention, RetentionLimits
from actors.runtime import RuntimeSettings
from actors.stores import is_shareable
from actors.supervisor import Supervisor
from actors.tenure import LeaseSettings
from gateway.assembly import behaviours
from gateway.foundation import Foundation

DRAIN_LOOK_S = 0.1

LONGEST_LOOK_S = 0.5
"""How often a process says that it lives, and looks who else does (s): others wait that long for what it leaves."""


class ActorsHere:
    """Hosts them. Raises ConfigError where what is configured cannot be used."""

    def __init__(self, foundation: Foundation, kinds: Collection[ActorKind]) -> None:
        settings = foundation.settings
        ttl = settings.lease_ttl_s
        self._settings = settings
        self._kinds = frozenset(kinds)
        self._asking = foundation.asking
        self._supervisor = Supervisor(
            foundation.store,
            foundation.broker,
            foundation.courier,
            behaviours(settings, foundation.config),
            [name for name in all_shards(settings.shards) if kind_of_shard(name) in kinds],
            RuntimeSettings(
                shards=settings.shards,
                hand_over=settings.hand_over,
                announces=foundation.broker.announces,
                turn_messages=settings.turn_messages,
                snapshot_every=settings.snapshot_every,
                outlives_fence=is_shareable(settings.store),
            ),
            answer=foundation.asking.answer,
            asked_here=(foundation.asking.address,),
            vitals=foundation.vitals,
            leases=LeaseSettings(ttl, min(LONGEST_LOOK_S, ttl / 3), is_alone=settings.amqp is None),
        )
        limits = RetentionLimits(settings.retention_days, settings.retention_tasks)
        self._retention = Retention(foundation.store, limits, is_mine=lambda: self.has_scheduler)
        self._trimming: asyncio.Task[None] | None = None
        foundation.take_in = self._take_in

    @property
    def has_scheduler(self) -> bool:
        """Whether the scheduler runs in this process now."""
        return self._supervisor.runtime.hosts(SCHEDULER)

    @property
    def shards(self) -> int:
        """How many shards run here."""
        return len(self._supervisor.runtime.shards.names)

    @property
    def fenced_writes(self) -> int:
        """Transactions that the store refused because another process had taken a shard."""
        return self._supervisor.runtime.fenced_writes

    @property
    def has_peers(self) -> bool:
        """Whether each kind of actors that runs here could run in another process that lives now."""
        me, members = self._supervisor.tenure.member.id, self._supervisor.membership.members
        others = [kinds for name, kinds in members.items() if name != me]
        return all(any(kind in kinds for kinds in others) for kind in self._kinds)

    async def start(self) -> None:
        """Take this process's share and run it."""
        await self._supervisor.start()
        self._trimming = asyncio.create_task(self._retention.run(), name="retention")

    def hold_pushes(self) -> None:
        """Give instances nothing more."""
        self._supervisor.runtime.hold_pushes = True

    async def drained(self) -> None:
        """Return once no instance is working on a task, or at once where others go on with all of it."""
        while not self.has_peers:
            answer = await self._asking.ask(SCHEDULER, DescribeQueues())
            if isinstance(answer, QueuesDescribed) and answer.running_total <= self._supervisor.runtime.pushes_held:
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    async def wait(self) -> None:
        """Return when the actors have stopped; raises what stopped them."""
        await self._supervisor.wait()

    async def stop(self) -> None:
        """Stop them, keeping everything, and let others have the shards."""
        await end(self._trimming)
        await self._supervisor.stop(self._settings.drain_timeout_s)

    def _take_in(self, envelope: Envelope) -> bool:
        if not self._supervisor.runtime.hosts(envelope.to):
            return False
        self._supervisor.runtime.arrivals.add_local([envelope])
        return True
