"""Tells the scheduler how far runs are: of each the latest, at most every half second, and only what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

from actors.messages.dispatcher import ReportProgress
from actors.messages.worker import StartTask
from swarmpilot.worker.runner import Run

PROGRESS_EVERY_S: Final = 0.5

Tell: TypeAlias = Callable[[StartTask, ReportProgress], Awaitable[bool]]
"""Whether it has been heard."""


class Progress:
    """Looks at `runs`, so that saying something costs a run nothing but to note it."""

    def __init__(self, runs: Callable[[], Iterable[Run]], tell: Tell) -> None:
        self._runs = runs
        self._tell = tell
        self._telling: dict[str, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> list[asyncio.Task[None]]:
        """What is being told."""
        return list(self._telling.values())

    async def keep_telling(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(PROGRESS_EVERY_S)
                self.tell()
        finally:
            for task in self.under_way:
                task.cancel()

    def tell(self) -> None:
        """What is new of each run, unless what was new before is still on its way."""
        for run in self._runs():
            if run.key not in self._telling and (news := run.state.news()) is not None:
                self._telling[run.key] = asyncio.create_task(self._tell_of(run, news))

    async def _tell_of(self, run: Run, news: ReportProgress) -> None:
        try:
            if await self._tell(run.start, news):
                run.state.told(news)
        finally:
            del self._telling[run.key]
