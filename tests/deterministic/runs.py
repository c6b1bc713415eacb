"""What runs at an instance or a worker, and how it ends: in time, late, twice, never, or by giving way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias

import msgspec

from tests.properties.fake_instances import LATE_S, LONG_S, Conduct

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Begins something as part of whoever runs it."""

AGAIN_S = 1.0
"""Pause before a report that was not answered is repeated (s)."""

SECTION_S = 0.5
"""How long a run that is in a section takes to its end before it gives way (s)."""


def conduct_of(conducts: Mapping[str, tuple[Conduct, ...]], task_id: str, attempt: int) -> Conduct:
    """What becomes of this attempt; it goes well where the plan says nothing."""
    planned = conducts.get(task_id, ())
    return planned[attempt - 1] if attempt <= len(planned) else "accept"


@dataclass(eq=False, slots=True)
class Run:
    """One run of a task. Once it is over, `checkpoint` is what it left if it has given way, else None."""

    task_id: str
    attempt: int
    resumption: int
    conduct: Conduct
    says_attempt: bool = True
    checkpoint: bytes | None = None

    @property
    def result(self) -> bytes:
        """What it reports: who it is, and whether it says so outside of the result, too."""
        return msgspec.json.encode(
            {"attempt": self.attempt, "resumption": self.resumption, "said": self.says_attempt, "by": self.task_id}
        )


class Runs:
    """The runs of one instance or worker, by key. `report` brings one to the service; True once it is answered."""

    def __init__(
        self,
        chance: Random,
        report: Callable[[Run], Awaitable[bool]],
        clock: Callable[[], float],
        spawn: Spawn,
    ) -> None:
        self.frozen_until = 0.0
        self._chance = chance
        self._report = report
        self._clock = clock
        self._spawn = spawn
        self._under_way: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._known: dict[str, Run] = {}

    def begin(self, run: Run, key: str, checkpoint: bytes) -> None:
        """Unless it is the repeat of one that is known."""
        if key not in self._known:
            self._known[key] = run
            self._under_way[key] = (run, self._spawn(self._go(run, key)))

    def __len__(self) -> int:
        return len(self._under_way)

    def forget(self) -> None:
        """All of them are gone."""
        for _, task in self._under_way.values():
            task.cancel()
        self._under_way.clear()
        self._known.clear()

    def stop(self, key: str) -> bool:
        """It no longer counts. Whether it was under way."""
        _, task = self._under_way.pop(key, (None, None))
        if task is not None:
            task.cancel()
        return task is not None

    def known(self, key: str) -> Run:
        """One that is under way, or was."""
        return self._known[key]

    async def wait_for(self, key: str, timeout: float) -> None:
        """Return once it is over and reported, or after `timeout` seconds."""
        if key in self._under_way:
            await asyncio.wait({self._under_way[key][1]}, timeout=timeout)

    def give_way(self, key: str) -> bytes | Literal["later", "noted", "gone"]:
        """What it leaves behind; or it will say, or will not, or is not there."""
        known = self._known.get(key)
        if known is None:
            return "gone"
        if known.checkpoint is not None:
            return known.checkpoint
        if key not in self._under_way or known.conduct not in ("long", "slow"):
            return "noted"
        self.stop(key)
        known.checkpoint = b'{"left":"%s"}' % key.encode()
        if known.conduct == "long":
            return known.checkpoint
        self._under_way[key] = (known, self._spawn(self._leave(known, key)))
        return "later"

    async def _go(self, run: Run, key: str) -> None:
        if run.conduct == "never":
            return
        await asyncio.sleep(self._length(run.conduct))
        await self.say(run)
        if run.conduct == "twice":
            await self.say(run)
        self._under_way.pop(key, None)

    async def _leave(self, run: Run, key: str) -> None:
        await asyncio.sleep(SECTION_S)
        await self.say(run)
        self._under_way.pop(key, None)

    async def say(self, run: Run) -> None:
        """Report it, until that is answered."""
        while True:
            if self._clock() < self.frozen_until:
                await asyncio.sleep(self.frozen_until - self._clock())
            if await self._report(run):
                return
            await asyncio.sleep(AGAIN_S)

    def _length(self, conduct: Conduct) -> float:
        match conduct:
            case "late":
                return LATE_S
            case "long" | "slow" | "deaf":
                return LONG_S
            case "early":
                return 0.0
            case _:
                return self._chance.choice([0.05, 0.3, 1.0, 2.5])
