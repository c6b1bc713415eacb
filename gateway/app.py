"""The whole service as one ASGI application: `uvicorn gateway.app:app --port 8102`.

uvicorn owns the REST port then; everything else is set by the environment (`actors/settings.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from actors.settings import Settings
from gateway.rest import build_app

__all__ = ["app", "build_app"]


@asynccontextmanager
async def run_service(app: FastAPI) -> AsyncIterator[None]:
    """Start the service before the first request, stop it after the last."""
    # Imported here because the service itself serves `build_app` when it is started without uvicorn.
    from gateway.service import Service

    service = Service(Settings())
    await service.start()
    app.state.edge = service.edge
    try:
        yield
    finally:
        await service.stop()


app = build_app(None, run_service)
