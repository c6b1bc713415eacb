"""When harm is done: first one thing at a time, so that it is seen what each costs, then several things at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from tests.storm.faults import Choice, Fault

Say = Callable[[str], None]

ALONE = 0.7
"""This share of a storm harm is done to one thing at a time."""

RESPITE_S = (1.5, 2.5)
"""From when one such harm is felt no more to the next (s)."""

PAUSE_S = (1.0, 3.0)
"""From the beginning of one harm to that of the next, where several may last at once (s)."""


class Weather:
    """Chooses by `chance`; `faults` is what has been done, in order. `lone` befall one at a time, `heaped` at once.

    `felt_no_more` returns once all goes on as before.
    """

    def __init__(
        self,
        lone: Sequence[Choice],
        heaped: Sequence[Choice],
        felt_no_more: Callable[[], Awaitable[None]],
        chance: random.Random,
        say: Say,
    ) -> None:
        self.faults: list[Fault] = []
        self._lone = lone
        self._heaped = heaped
        self._felt_no_more = felt_no_more
        self._chance = chance
        self._say = say
        self._done: Counter[str] = Counter()
        self._suffering: dict[str, asyncio.Task[None]] = {}
        self._failed: list[BaseException] = []

    async def rage(self, seconds: float) -> None:
        """Do harm for so long."""
        begun = time.monotonic()
        await self._one_by_one(begun + ALONE * seconds)
        await self._heap_up(begun + seconds)

    async def calm(self) -> None:
        """Wait until everything is undone. Raises what went wrong with that."""
        while self._suffering:
            await asyncio.wait(set(self._suffering.values()))
        if self._failed:
            raise self._failed[0]

    async def _one_by_one(self, until: float) -> None:
        while (pause := self._chance.uniform(*RESPITE_S)) + time.monotonic() < until:
            await asyncio.sleep(pause)
            self._do(self._choose(self._lone))
            await asyncio.wait(set(self._suffering.values()))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await self._felt_no_more()
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _heap_up(self, until: float) -> None:
        while (pause := self._chance.uniform(*PAUSE_S)) + time.monotonic() < until:
            await asyncio.sleep(pause)
            if able := [choice for choice in self._heaped if choice.whom not in self._suffering]:
                self._do(self._choose(able))
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    def _choose(self, able: Sequence[Choice]) -> Choice:
        """A kind of harm first, the likelier the less of it there was; then whom it befalls."""
        weights = {choice.what: choice.weight / (1 + 2 * self._done[choice.what]) for choice in able}
        [what] = self._chance.choices(list(weights), list(weights.values()))
        return self._chance.choice([choice for choice in able if choice.what == what])

    def _do(self, chosen: Choice) -> None:
        fault = Fault(chosen.what, chosen.whom, time.time())
        self.faults.append(fault)
        self._done[chosen.what] += 1
        self._say(f"{chosen.what}: {chosen.whom}")
        self._suffering[chosen.whom] = asyncio.create_task(self._suffer(chosen, fault))

    async def _suffer(self, chosen: Choice, fault: Fault) -> None:
        try:
            await chosen.harm(fault)
        except Exception as error:
            self._failed.append(error)
            self._say(f"{chosen.whom} could not be brought back: {error!r}")
        finally:
            fault.healed_at = time.time()
            del self._suffering[chosen.whom]
