"""Runs a process of the service in the foreground, until a signal ends it: `swarmpilot start`, `swarmpilot gateway`."""

from __future__ import annotations

import asyncio
import sys

from actors.crash_points import arm
from actors.errors import BrokerUnfit, StoreUnfit, SwarmPilotError
from actors.settings import Settings
from actors.stores import is_shareable
from gateway.config_file import ConfigError
from gateway.host_actors import host_actors
from gateway.listening import listen
from gateway.logs import set_up_logs
from gateway.roles import ALL_ROLES, Role
from gateway.service import Service


async def serve(settings: Settings, roles: frozenset[Role] = ALL_ROLES) -> int:
    """Start, serve, drain, stop. Returns the exit code.

    One of many parts waits for a database and a broker that are not there yet; where it is all of the service, somebody
    has just typed where they are, and hears at once what is wrong. Raises ConfigError, SwarmPilotError, OSError.
    """
    if roles != ALL_ROLES:
        _refuse_what_cannot_be_shared(settings, roles)
    service = _configured(settings, roles)
    if "gateway" not in roles:
        return await host_actors(service)
    # Web framework and gRPC are loaded by gateways alone.
    from gateway.serve_clients import serve_clients

    # A port that is taken is found out before anything is opened, so that nothing changes.
    with listen(settings.host, settings.port) as listening:
        if roles == ALL_ROLES:
            await service.start()
        return await serve_clients(service, listening)


def _refuse_what_cannot_be_shared(settings: Settings, roles: frozenset[Role]) -> None:
    """A process that is only a part needs the other parts. Raises ConfigError."""
    part = " and ".join(sorted(roles))
    if settings.amqp is None:
        raise ConfigError(
            f"amqp: {part} must reach the other processes over RabbitMQ: --amqp amqp://user:password@host:port/vhost; "
            "`swarmpilot start` needs none"
        )
    if not is_shareable(settings.store):
        raise ConfigError(
            f"store: {part} needs a store that processes can share: --store postgresql://user:password@host/database; "
            f"got {settings.store.partition('://')[0]}, which is for `swarmpilot start`"
        )


def _configured(settings: Settings, roles: frozenset[Role]) -> Service:
    try:
        return Service(settings, roles)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def run(settings: Settings, roles: frozenset[Role] = ALL_ROLES) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 2 for what is configured wrongly, 1 for what fails.

    Either is one line on stderr.
    """
    set_up_logs(settings.log_level)
    if settings.crash_at:
        arm(settings.crash_at)
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(serve(settings, roles))
    except (ConfigError, SwarmPilotError, OSError) as error:
        print(f"swarmpilot: {error}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, (ConfigError, BrokerUnfit, StoreUnfit)) else 1


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
