"""How long this process may decide for its shards: until it has failed to say in time that it lives."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from actors.leases import Leases, Member, Membership


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """`ttl_s`: how long a renewal is good for; `look_s`: how often to renew, and to look who else lives (s).

    `is_alone`: this process has no way to speak to others, so that nobody else may host actors of its store.
    """

    ttl_s: float = 5.0
    look_s: float = 0.5
    is_alone: bool = False


class Tenure:
    """The lease on everything that the process hosts.

    It counts from before each renewal was asked for, by a clock of this machine that goes on while the process is
    stopped. So it ends here before it ends in the store, however long the answer took.
    """

    def __init__(
        self, leases: Leases, member: Member, settings: LeaseSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.member = member
        self._leases = leases
        self._settings = settings
        self._clock = clock
        self._until = self._next_until = -math.inf
        self._renewed = asyncio.Event()

    @property
    def is_good(self) -> bool:
        """Whether this process may decide now."""
        return self._clock() < self._until

    async def join(self, shards: list[str]) -> None:
        """Live from now on. Raises StoreUnavailable."""
        await self._leases.join(self.member, shards, self._settings.ttl_s)

    async def renew(self) -> Membership:
        """Live on, and see who else does; `resume` follows once what was lost is dropped. Raises StoreUnavailable."""
        asked_at = self._clock()
        membership = await self._leases.renew(self.member, self._settings.ttl_s)
        self._next_until = asked_at + self._settings.ttl_s
        return membership

    def resume(self) -> None:
        """What was lost is dropped: decide again."""
        self._until = self._next_until
        self._renewed.set()

    async def regained(self) -> None:
        """Return once this process may decide again."""
        while not self.is_good:
            self._renewed.clear()
            await self._renewed.wait()
