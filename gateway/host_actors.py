"""Runs a process that hosts actors and serves no clients, until a signal ends it."""

from __future__ import annotations

import asyncio

import structlog

from gateway.garbage import leave_out_what_there_is
from gateway.health_port import HealthPort
from gateway.patience import start_patiently
from gateway.service import Service
from gateway.signals import signalled

log = structlog.get_logger(__name__)


async def host_actors(service: Service) -> int:
    """Start, run, hand over, stop. Returns the exit code. Raises ConfigError, SwarmPilotError, OSError."""
    health = HealthPort(service.roles, service.status)
    try:
        if service.settings.health_port:
            await health.listen(service.settings.host, service.settings.health_port)
        with signalled() as signal:
            return await _host_until(signal, service)
    finally:
        await service.stop()
        await health.close()


async def _host_until(signal: asyncio.Future[None], service: Service) -> int:
    if not await start_patiently(service, signal):
        return 0
    leave_out_what_there_is()
    name = " and ".join(sorted(service.roles))
    print(f"SwarmPilot {name} ready, {service.status().shards} shards", flush=True)  # noqa: T201
    running = asyncio.create_task(service.wait())
    await asyncio.wait({running, signal}, return_when=asyncio.FIRST_COMPLETED)
    if running.done() and (failure := running.exception()) is not None:
        log.error("the actors stopped", reason=str(failure), exc_info=failure)
        return 1
    log.info("handing over")
    return 0
