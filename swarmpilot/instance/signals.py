"""Running an instance as a process: the first signal drains it, the second stops it at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

log = logging.getLogger("swarmpilot.instance")


class Stoppable(Protocol):
    """Something that starts, can finish what it holds, and stops."""

    async def start(self) -> None: ...

    async def drain(self) -> bool: ...

    async def close(self) -> None: ...


Over = Callable[[], Awaitable[str]]
"""Waits until it has come to its end by itself; why."""

CANCEL_S = 1.0
"""How long what is left has to end once it is cancelled (s)."""


def run_until_stopped(server: Stoppable, over: Over | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or until it is over; 0 once everything that was held has come to its end.

    Where it has not (a second signal, or the drain took too long) the process exits with code 1.
    """
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(server, over))
    except ImportError:
        return asyncio.run(_serve(server, over))


async def _serve(server: Stoppable, over: Over | None) -> int:
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[str] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, signal.Signals(number).name)
    await server.start()
    ending = loop.create_future() if over is None else asyncio.ensure_future(over())
    try:
        told = asyncio.ensure_future(signals.get())
        await asyncio.wait({told, ending}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            log.info("%s: leaving the scheduler and finishing what is held; once more to stop at once", told.result())
            drain = asyncio.ensure_future(server.drain())
            told = asyncio.ensure_future(signals.get())
            await asyncio.wait({drain, told, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done() and not (drain.done() and drain.result()):
                if told.done():
                    log.warning("%s again: stopping at once", told.result())
                _exit(1)
        if ending.done():
            log.info("leaving: %s", ending.result())
    finally:
        await server.close()
    await _end_what_is_left()
    return 0


async def _end_what_is_left() -> None:
    """What runs on though it was cancelled would keep the loop, and with it the process, from ever ending."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left and (await asyncio.wait(left, timeout=CANCEL_S))[1]:
        _exit(0)


def _exit(code: int) -> NoReturn:
    # A thread that runs a task cannot be interrupted; only leaving the process stops it.
    logging.shutdown()
    os._exit(code)
