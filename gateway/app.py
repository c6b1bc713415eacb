"""The whole service as one ASGI application: `uvicorn gateway.app:app --port 8102`.

uvicorn owns the REST port then; everything else is set by the environment (`actors/settings.py`).
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import structlog
from fastapi import FastAPI

from actors.settings import Settings
from gateway.logs import set_up_logs
from gateway.rest import build_app
from gateway.service import Service

__all__ = ["app", "build_app"]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def run_service(app: FastAPI) -> AsyncIterator[None]:
    """Start the service before the first request, stop it after the last."""
    settings = Settings()
    set_up_logs(settings.log_level)
    service = Service(settings)
    await service.start()
    watching = asyncio.create_task(_end_with(service))
    app.state.edge = service.edge
    try:
        with _also_at_signals(service.begin_drain):
            yield
    finally:
        watching.cancel()
        await service.stop()


@contextmanager
def _also_at_signals(act: Callable[[], None]) -> Iterator[None]:
    """Have a signal that ends uvicorn do this before: it waits for every answer, and streams of events never end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        former = before[signal.Signals(number)]
        if callable(former):
            former(number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


async def _end_with(service: Service) -> None:
    """A gateway whose actors have stopped is of no use: let uvicorn end, so that whoever runs it starts it anew."""
    try:
        await service.wait()
    except Exception as error:
        _log.error("the actors stopped", reason=str(error), exc_info=error)
    signal.raise_signal(signal.SIGTERM)


app = build_app(None, run_service)
