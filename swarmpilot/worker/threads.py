"""Threads for synchronous functions: one that never ends keeps neither others from running nor the process alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any


class Threads:
    """As many at once as are needed; `keep` of them wait to be used again. To be called from the event loop."""

    def __init__(self, keep: int) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._keep = keep
        self._idle = 0

    def run(self, function: Callable[..., Any], *arguments: object) -> asyncio.Future[Any]:
        """Call the function in a thread; what it returns or raises. Cancelling the future does not stop it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def job() -> None:
            result, failure = None, None
            try:
                result = function(*arguments)
            except BaseException as error:
                failure = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._ended, future, result, failure)

        if self._idle:
            self._idle -= 1
        else:
            threading.Thread(target=_serve, args=(self._jobs,), name="task", daemon=True).start()
        self._jobs.put(job)
        return future

    def close(self) -> None:
        """Let the threads go, each once it has ended what it runs."""
        self._keep = 0
        for _ in range(self._idle):
            self._jobs.put(None)
        self._idle = 0

    def _ended(self, future: asyncio.Future[Any], result: object, failure: BaseException | None) -> None:
        if self._idle < self._keep:
            self._idle += 1
        else:
            self._jobs.put(None)
        if future.done():
            return
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)


def _serve(jobs: SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # a thread that waits holds on to no task
