"""The signals that end a process, as something to await."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def signalled() -> Iterator[asyncio.Future[None]]:
    """Done at the first SIGTERM or SIGINT; the second ends the process as if nobody had asked."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        stop_listening()
        if not first.done():
            first.set_result(None)

    def stop_listening() -> None:
        for number in ENDING:
            loop.remove_signal_handler(number)

    for number in ENDING:
        loop.add_signal_handler(number, note)
    try:
        yield first
    finally:
        if not first.done():
            stop_listening()
            first.cancel()
