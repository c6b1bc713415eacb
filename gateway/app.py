"""The whole service as one ASGI application: `uvicorn gateway.app:app --port 8102`.

uvicorn owns the REST port then; everything else is set by the environment (`actors/settings.py`).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
        yield
    finally:
        watching.cancel()
        await service.stop()


async def _end_with(service: Service) -> None:
    """A gateway whose actors have stopped is of no use: let uvicorn end, so that whoever runs it starts it anew."""
    try:
        await service.wait()
    except Exception as error:
        _log.error("the actors stopped", reason=str(error), exc_info=error)
    signal.raise_signal(signal.SIGTERM)


app = build_app(None, run_service)
