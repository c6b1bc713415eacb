"""The errands that are under way, each for an actor of a shard that runs here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from actors.courier import Courier
from actors.crash_points import reach
from actors.ending import end
from actors.envelope import Envelope
from actors.turn import SentErrand

log = structlog.get_logger(__name__)


class ErrandRuns:
    """Has the courier run them; `take` gets each outcome. What is abandoned is asked for again on `Resumed`."""

    def __init__(self, courier: Courier, take: Callable[[Envelope], None]) -> None:
        self._courier = courier
        self._take = take
        self._runs: dict[asyncio.Task[None], str] = {}

    def begin(self, sent: SentErrand, shard: str) -> None:
        """Run it, for an actor of this shard."""
        task = asyncio.create_task(self._run(sent))
        self._runs[task] = shard
        task.add_done_callback(self._runs.pop)

    def abandon(self, shards: Collection[str]) -> None:
        """Leave those of these shards where they are."""
        for task, shard in self._runs.items():
            if shard in shards:
                task.cancel()

    async def abandon_all(self) -> None:
        """Leave all of them where they are."""
        await end(*self._runs)

    async def _run(self, sent: SentErrand) -> None:
        reach("errand.begun")
        try:
            outcome = await self._courier.run(sent.errand)
        except Exception:
            # The actor's own deadline for the task is what ends this; a courier is not expected to raise.
            log.exception("an errand failed unexpectedly", errand=type(sent.errand).__name__)
            return
        reach("errand.outcome")
        if outcome is not None:
            self._take(Envelope(sent.outcome_id, sent.sender, outcome))
