"""Health and metrics of a process that serves no clients, for whoever watches over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from gateway.edge import ServiceStatus
from gateway.process_metrics import ProcessMetrics
from gateway.roles import Role


class HealthPort:
    """Serves GET /health and GET /metrics; `listen` raises OSError where the port cannot be had."""

    def __init__(self, roles: frozenset[Role], status: Callable[[], ServiceStatus]) -> None:
        self._roles = sorted(roles)
        self._status = status
        self._registry = CollectorRegistry()
        self._process = ProcessMetrics()
        self._registry.register(self._process)
        app = web.Application()
        app.add_routes([web.get("/health", self._health), web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(app, access_log=None)

    async def listen(self, host: str, port: int) -> None:
        """Serve until `close`."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """Serve no more."""
        await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        now = self._status()
        said = {
            "status": now.health,
            "ill": [asdict(illness) for illness in now.ill],
            "roles": self._roles,
            "broker": now.broker,
            "shards": now.shards,
            "fenced_writes": now.fenced_writes,
        }
        return web.json_response(said, status=200 if now.health == "healthy" else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        self._process.now = self._status()
        return web.Response(body=generate_latest(self._registry), content_type="text/plain", charset="utf-8")
