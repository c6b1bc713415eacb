"""Running an instance as a process: the first signal drains it, the second stops it at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Protocol

log = logging.getLogger("swarmpilot.instance")


class Stoppable(Protocol):
    """Something that starts, can finish what it holds, and stops."""

    async def start(self) -> None: ...

    async def drain(self) -> bool: ...

    async def close(self) -> None: ...


def run_until_stopped(server: Stoppable) -> int:
    """Serve until SIGTERM or SIGINT; 0 once everything that was held has come to its end.

    Where it has not (a second signal, or the drain took too long) the process exits with code 1.
    """
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(server))
    except ImportError:
        return asyncio.run(_serve(server))


async def _serve(server: Stoppable) -> int:
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[str] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, signal.Signals(number).name)
    await server.start()
    try:
        log.info("%s: leaving the scheduler and finishing what is held; once more to stop at once", await signals.get())
        drain = asyncio.ensure_future(server.drain())
        again = asyncio.ensure_future(signals.get())
        await asyncio.wait({drain, again}, return_when=asyncio.FIRST_COMPLETED)
        if drain.done() and drain.result():
            again.cancel()
            return 0
        if again.done():
            log.warning("%s again: stopping at once", again.result())
        # A thread that runs a task cannot be interrupted; only leaving the process stops it.
        logging.shutdown()
        os._exit(1)
    finally:
        await server.close()
