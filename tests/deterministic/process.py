"""A simulated operating-system process: it runs, is stopped and goes on, or is dead for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

from tests.deterministic.virtual_loop import OWNER, Condition, VirtualLoop

T = TypeVar("T")


class Killed(BaseException):
    """The process died in the middle of a step. What its own handlers still do reaches nobody."""


class Process:
    """`moments` counts what it has done to the world so far: each of its calls through a port is one or two.

    `strikes` says what befalls it at which moment, by its number; `on_death` is called once.
    """

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.loop = loop
        self.condition: Condition = "running"
        self.held: list[asyncio.Handle] = []
        self.moments = 0
        self._paused_at = 0.0
        self._away_s = 0.0
        self.strikes: dict[int, Callable[[], None]] = {}
        self.on_death: list[Callable[[], None]] = []
        context = copy_context()
        context.run(OWNER.set, self)
        self.context: Context = context

    @property
    def is_dead(self) -> bool:
        """Whether nothing that it does counts any more."""
        return self.condition == "dead"

    def uptime(self) -> float:
        """A clock that stands still while the process does, as in a virtual machine that is paused (s)."""
        return self.loop.time() - self._away_s

    def moment(self) -> None:
        """Something is about to leave the process, or has just done so. Raises Killed."""
        if self.condition == "dead":
            raise Killed(self.name)
        self.moments += 1
        strike = self.strikes.pop(self.moments, None)
        if strike is not None:
            strike()
            if self.is_dead:
                raise Killed(self.name)

    def kill(self) -> None:
        """It takes no further step."""
        if self.condition != "dead":
            self.condition = "dead"
            self.held.clear()
            for call in self.on_death:
                call()

    def pause(self) -> None:
        """It takes no step until it goes on, and does not notice."""
        if self.condition == "running":
            self.condition = "paused"
            self._paused_at = self.loop.time()

    def go_on(self) -> None:
        """It takes the steps that have become due meanwhile."""
        if self.condition == "paused":
            self.condition = "running"
            self._away_s += self.loop.time() - self._paused_at
            self.loop.hand_over(self)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin this as part of the process."""
        return self.context.copy().run(self.loop.create_task, work)

    def soon(self, delay: float, callback: Callable[..., None], *args: Any) -> None:
        """Call this as part of the process."""
        self.loop.call_later(delay, callback, *args, context=self.context)

    async def serve(self, work: Callable[[], Coroutine[Any, Any, T]], latency: float) -> T:
        """A request from outside: what comes of it, if the process lives to say. Raises what `work` raises.

        The caller has to give up by itself.
        """
        answered: asyncio.Future[T] = self.loop.create_future()

        def pass_on(task: asyncio.Task[T]) -> None:
            if answered.done() or task.cancelled():
                return
            error = task.exception()
            if error is not None:
                if not isinstance(error, Killed):
                    answered.set_exception(error)
            else:
                answered.set_result(task.result())

        def begin() -> None:
            self.loop.create_task(work()).add_done_callback(pass_on)

        self.soon(latency, begin)
        return await answered
