"""When harm is done: every one to three seconds to something that is well, several things at once where it lasts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from tests.storm.faults import Choice, Fault

Say = Callable[[str], None]


class Weather:
    """Chooses by `chance`; `faults` is what has been done, in order."""

    def __init__(self, choices: Sequence[Choice], chance: random.Random, say: Say) -> None:
        self.faults: list[Fault] = []
        self._choices = choices
        self._chance = chance
        self._say = say
        self._suffering: dict[str, asyncio.Task[None]] = {}
        self._failed: list[BaseException] = []

    async def rage(self, seconds: float) -> None:
        """Do harm for so long."""
        until = time.monotonic() + seconds
        while True:
            pause = self._chance.uniform(1.0, 3.0)
            if time.monotonic() + pause > until:
                break
            await asyncio.sleep(pause)
            able = [choice for choice in self._choices if choice.whom not in self._suffering]
            if able:
                [chosen] = self._chance.choices(able, [choice.weight for choice in able])
                self._do(chosen)
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def calm(self) -> None:
        """Wait until everything is undone. Raises what went wrong with that."""
        while self._suffering:
            await asyncio.wait(set(self._suffering.values()))
        if self._failed:
            raise self._failed[0]

    def _do(self, chosen: Choice) -> None:
        fault = Fault(chosen.what, chosen.whom, time.time())
        self.faults.append(fault)
        self._say(f"{chosen.what}: {chosen.whom}")
        task = asyncio.create_task(self._suffer(chosen, fault))
        self._suffering[chosen.whom] = task

    async def _suffer(self, chosen: Choice, fault: Fault) -> None:
        try:
            await chosen.harm(fault)
        except Exception as error:
            self._failed.append(error)
            self._say(f"{chosen.whom} could not be brought back: {error!r}")
        finally:
            fault.healed_at = time.time()
            del self._suffering[chosen.whom]
