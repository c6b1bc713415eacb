"""An event loop on which time is virtual: it passes, at once, when nothing else can happen.

Every step belongs to a process, or to the world around them. A step of a dead process is never taken, not even a
`finally`; those of a paused one wait until it goes on. That is what a kill and a stop signal do, at any await.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any, Literal, Protocol, TypeVar

T = TypeVar("T")

Condition = Literal["running", "paused", "dead"]


class Stuck(Exception):
    """Nobody waits for anything that could ever happen."""


class Owner(Protocol):
    """Whose steps are taken, kept or dropped."""

    condition: Condition
    held: list[asyncio.Handle]


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
"""The process that a step belongs to, None for the world."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs steps in the order in which they were asked for. `on_failure` hears of what a step raised."""

    def __init__(self, start: float) -> None:
        self.on_failure: Callable[[BaseException], None] = lambda _: None
        self.steps = 0
        self._now = start
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        self._halted = False
        self._begun: list[Coroutine[Any, Any, Any]] = []
        self._world = copy_context()
        self._world.run(OWNER.set, None)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def halt(self) -> None:
        """Let `run` raise Halted after the current step."""
        self._halted = True

    def run(self, main: Coroutine[Any, Any, T]) -> T | None:
        """The result of `main`; None where the loop was halted. Raises Stuck, or what `main` does."""
        task = self.create_task(main)
        asyncio._set_running_loop(self)
        try:
            while not task.done() and not self._halted:
                self._step()
        finally:
            asyncio._set_running_loop(None)
        return task.result() if task.done() else None

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """Call this in `delay` seconds as part of the world, whoever asks."""
        self.call_at(self._now + delay, callback, *args, context=self._world)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin this as part of the world, whoever asks."""
        task = self._world.copy().run(self.create_task, work)
        task.add_done_callback(self._look_at)
        return task

    def close(self) -> None:
        """Whatever has not ended will not any more. What it still says on its way out reaches nobody."""
        self._ready.clear()
        self._timers.clear()
        for coroutine in self._begun:
            with suppress(BaseException):
                coroutine.close()
        self._begun.clear()
        self._ready.clear()

    def hand_over(self, owner: Owner) -> None:
        """A process goes on: the steps that it has missed are taken now."""
        held, owner.held = owner.held, []
        self._ready.extend(held)

    def _step(self) -> None:
        ready, timers = self._ready, self._timers
        if not ready:
            if not timers:
                raise Stuck
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            timer = heappop(timers)[2]
            if not timer.cancelled():
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            owner: Owner | None = handle._context.get(OWNER)  # type: ignore[attr-defined]
            if owner is None or owner.condition == "running":
                self.steps += 1
                handle._run()
                if self._halted:
                    return
            elif owner.condition == "paused":
                owner.held.append(handle)

    # What asyncio asks of a loop:

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._begun.append(coro)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if "handle" in context and "exception" in context:
            self.on_failure(context["exception"])

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.on_failure(error)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time comes."""
