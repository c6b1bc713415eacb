"""Runs a process that hosts actors and serves no clients, until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import signal

import structlog

from gateway.health_port import HealthPort
from gateway.service import Service

log = structlog.get_logger(__name__)


async def host_actors(service: Service) -> int:
    """Start, run, hand over, stop. Returns the exit code. Raises ConfigError, SwarmPilotError, OSError."""
    settings = service.settings
    health = HealthPort(service.roles, service.status)
    signalled = _signalled()
    try:
        if settings.health_port:
            await health.listen(settings.host, settings.health_port)
        await service.start()
        collect_garbage_rarely()
        name = " and ".join(sorted(service.roles))
        print(f"SwarmPilot {name} ready, {service.status().shards} shards", flush=True)  # noqa: T201
        running = asyncio.create_task(service.wait())
        await asyncio.wait({running, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if running.done() and (failure := running.exception()) is not None:
            log.error("the actors stopped", reason=str(failure), exc_info=failure)
            return 1
        log.info("handing over")
        return 0
    finally:
        signalled.cancel()
        await service.stop()
        await health.close()


def collect_garbage_rarely() -> None:
    """Nearly everything here is freed by its count. What there is now stays; what is new is looked through seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _signalled() -> asyncio.Future[None]:
    """Done at the first SIGTERM or SIGINT; the second ends the process as if nobody had asked."""
    loop = asyncio.get_running_loop()
    signalled: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if not signalled.done():
            signalled.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, note)
    return signalled
