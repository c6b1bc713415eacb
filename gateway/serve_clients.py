"""Serves clients over REST, and over gRPC beside it, until a signal ends it."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from types import FrameType

import structlog
import uvicorn

from actors.errors import SwarmPilotError
from actors.settings import Settings
from gateway.app import build_app
from gateway.entrance import Entrance
from gateway.garbage import leave_out_what_there_is
from gateway.patience import start_patiently
from gateway.service import Service
from gateway.whole_answers import WholeAnswers

log = structlog.get_logger(__name__)

LEAST_FRAME_BYTES = 16 * 1024 * 1024
"""What a frame of a worker may have at least: many envelopes may share one."""


class _Server(uvicorn.Server):
    """uvicorn, but the first signal drains the service before the sockets close; the second ends it at once."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit or self._draining is not None:
            super().handle_exit(sig, frame)
            return
        if self._service.phase != "serving":
            self.should_exit = True
            return
        log.info("draining", signal=signal.Signals(sig).name, at_most_s=self._service.settings.drain_timeout_s)
        self._service.begin_drain()
        loop = asyncio.get_event_loop()
        self._draining = loop.create_task(self._drain(sig, frame))

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        try:
            async with asyncio.timeout(self._service.settings.drain_timeout_s):
                await self._service.drained()
        except (TimeoutError, SwarmPilotError):
            log.warning("tasks are still running; they are recorded, and their reports count after the next start")
        self.should_exit = True


async def serve_clients(service: Service, listening: socket.socket) -> int:
    """Serve on this socket, drain, stop. Returns the exit code.

    A service that has not been started is started in time: who asks meanwhile hears that it is starting, and why.
    Raises what waiting does not mend.
    """
    entrance = Entrance(service.status, service.settings)
    server = _Server(_config(entrance, service.settings), service)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        if service.phase == "starting" and not await start_patiently(service, serving):
            return 0
        entrance.open(build_app(service.edge))
        leave_out_what_there_is()
        _announce(listening, service)
        actors = asyncio.create_task(service.wait())
        await asyncio.wait({actors, serving}, return_when=asyncio.FIRST_COMPLETED)
        if actors.done() and (failure := actors.exception()) is not None:
            log.error("the actors stopped", reason=str(failure), exc_info=failure)
            return 1
        return 0
    finally:
        server.should_exit = True
        await serving
        await service.stop()


def _config(entrance: Entrance, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        entrance,
        loop="none",
        http=WholeAnswers,
        lifespan="off",
        access_log=False,
        proxy_headers=False,  # nothing here asks where a request came from
        log_config=None,
        # A result is base64 in its frame, a third larger than itself.
        ws_max_size=max(LEAST_FRAME_BYTES, 2 * settings.max_body_bytes),
        timeout_graceful_shutdown=int(settings.drain_timeout_s) + 1,
    )


def _announce(listening: socket.socket, service: Service) -> None:
    settings = service.settings
    port = listening.getsockname()[1]
    grpc = f", gRPC on port {service.grpc_port}" if service.grpc_port is not None else ""
    print(f"SwarmPilot scheduler on http://{settings.host}:{port}{grpc}", flush=True)  # noqa: T201
    if not _is_loopback(settings.host):
        log.warning(
            "reachable from other machines WITHOUT authentication: anyone who can connect can submit, read and "
            "remove; put a proxy in front of it or bind 127.0.0.1",
            host=settings.host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
