"""The standard health service, which says of every service here what GET /health says of all: they serve together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.edge import Edge
from gateway.health import look
from gateway.rpc_statuses import Context

LOOK_S: Final = 1.0
"""How often it is looked for whoever watches (s)."""

_Status = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Check looks at once; Watch tells of what has changed within LOOK_S, of draining at once."""

    def __init__(self, edge: Callable[[], Edge], services: Collection[str]) -> None:
        self._edge = edge
        self._services = services
        self._draining = asyncio.Event()

    def begin_drain(self) -> None:
        """From now on nothing is served, whatever else is so."""
        self._draining.set()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._services:
            known = ", ".join(sorted(filter(None, self._services)))
            text = f"field `service`: must be empty or one of {known}; got {request.service[:100]!r}"
            await context.abort(grpc.StatusCode.NOT_FOUND, text)
        return _Status(status=await self._status(request.service))

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        told: Any = None
        while True:
            status = await self._status(request.service)
            if status != told:
                yield _Status(status=status)
            told = status
            await self._pause()

    async def _status(self, service: str) -> Any:
        if service not in self._services:
            return _Status.SERVICE_UNKNOWN
        if self._draining.is_set():
            return _Status.NOT_SERVING
        return _Status.SERVING if (await look(self._edge())).health == "healthy" else _Status.NOT_SERVING

    async def _pause(self) -> None:
        if self._draining.is_set():
            await asyncio.sleep(LOOK_S)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._draining.wait()
