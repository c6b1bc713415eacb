"""Health and metrics of a process that serves no clients, for whoever watches over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import get_args

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from actors.vitals import Part
from gateway.edge import ServiceStatus
from gateway.metrics import PART_ILL, RARE_EVENTS
from gateway.roles import Role


class HealthPort:
    """Serves GET /health and GET /metrics; `listen` raises OSError where the port cannot be had."""

    def __init__(self, roles: frozenset[Role], status: Callable[[], ServiceStatus]) -> None:
        self._roles = sorted(roles)
        self._status = status
        self._registry = CollectorRegistry()
        self._registry.register(_Hosting(status))
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
        status = now.phase if now.phase != "serving" else "ill" if now.ill else "healthy"
        said = {
            "status": status,
            "ill": [asdict(illness) for illness in now.ill],
            "roles": self._roles,
            "broker": now.broker,
            "shards": now.shards,
            "fenced_writes": now.fenced_writes,
        }
        return web.json_response(said, status=200 if status == "healthy" else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain", charset="utf-8")


class _Hosting(Collector):
    """What a host of actors can be measured by, read when somebody asks."""

    def __init__(self, status: Callable[[], ServiceStatus]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        yield from hosting_metrics(self._status())


def hosting_metrics(now: ServiceStatus) -> Iterable[Metric]:
    """Shards that run in this process, what was refused because others had taken them, and how its parts are."""
    if now.shards is not None:
        yield GaugeMetricFamily("swarmpilot_shards", "Shards that run in this process.", now.shards)
        yield GaugeMetricFamily(
            "swarmpilot_fenced_writes",
            "Transactions refused because another process had taken a shard, since this process began.",
            now.fenced_writes,
        )
    ill = GaugeMetricFamily("swarmpilot_part_ill", PART_ILL, labels=["part"])
    for part in get_args(Part):
        ill.add_metric([part], any(illness.part == part for illness in now.ill))
    yield ill
    rare = CounterMetricFamily("swarmpilot_rare_events", RARE_EVENTS, labels=["event"])
    for event, count in now.rare.items():
        rare.add_metric([event], count)
    yield rare
