"""Runs the whole service in the foreground, until a signal ends it. `swarmpilot start` is this."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn

from actors.crash_points import arm
from actors.errors import SwarmPilotError
from actors.settings import Settings
from gateway.app import build_app
from gateway.config_file import ConfigError
from gateway.listening import listen
from gateway.logs import set_up_logs
from gateway.service import Service
from gateway.whole_answers import WholeAnswers

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """uvicorn, but the first signal drains the service before the sockets close; the second ends it at once."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is not None or self._service.phase != "serving":
            super().handle_exit(sig, frame)
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


async def serve(settings: Settings) -> int:
    """Start, serve, drain, stop. Returns the exit code. Raises ConfigError, SwarmPilotError, OSError."""
    service = _configured(settings)
    # A port that is taken is found out before anything is opened, so that nothing changes.
    with listen(settings.host, settings.port) as listening:
        await service.start()
        return await _serve(service, listening)


def _configured(settings: Settings) -> Service:
    try:
        return Service(settings)
    except ValueError as error:
        raise ConfigError(str(error)) from error


async def _serve(service: Service, listening: socket.socket) -> int:
    settings = service.settings
    _collect_garbage_rarely()
    failure: BaseException | None = None
    try:
        config = uvicorn.Config(
            build_app(service.edge),
            loop="none",
            http=WholeAnswers,
            access_log=False,
            proxy_headers=False,  # nothing here asks where a request came from
            log_config=None,
            timeout_graceful_shutdown=int(settings.drain_timeout_s) + 1,
        )
        server = _Server(config, service)
        _announce(listening, service)
        actors = asyncio.create_task(service.wait())
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await asyncio.wait({actors, serving}, return_when=asyncio.FIRST_COMPLETED)
        if actors.done():
            failure = actors.exception()
            server.should_exit = True
        await serving
    finally:
        await service.stop()
    if failure is not None:
        log.error("the actors stopped", reason=str(failure), exc_info=failure)
        return 1
    return 0


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 2 for what is configured wrongly, 1 for what fails.

    Either is one line on stderr.
    """
    set_up_logs(settings.log_level)
    if settings.crash_at:
        arm(settings.crash_at)
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(serve(settings))
    except (ConfigError, SwarmPilotError, OSError) as error:
        print(f"swarmpilot: {error}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, ConfigError) else 1


def _collect_garbage_rarely() -> None:
    """Nearly everything here is freed by its count. What there is now stays; what is new is looked through seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


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
