"""`swarmpilot start`: the scheduler, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmpilot.cli.serving import Config, GrpcPort, Host, LogLevel, Port, Set, serve


def start(
    host: Host = None,
    port: Port = None,
    grpc_port: GrpcPort = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where tasks are kept: sqlite:///PATH or postgresql://user:password@host/database. "
            "[default: sqlite:///swarmpilot.db]",
            envvar="SWARMPILOT_STORE",
        ),
    ] = None,
    amqp: Annotated[
        str | None,
        typer.Option(help="RabbitMQ, as amqp://user:password@host/vhost; not needed.", envvar="SWARMPILOT_AMQP"),
    ] = None,
    config: Config = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="ShortestQueue, RoundRobin, Tail, ... (docs/placement.md), or your own as module:function; "
            "else what is in force stays.",
            envvar="SWARMPILOT_STRATEGY",
        ),
    ] = None,
    log_level: LogLevel = None,
    setting: Set = None,
) -> int:
    """Start the scheduler; SIGTERM or Ctrl-C drains and stops it.

    All of it runs in this one process. For many processes or machines there are `swarmpilot gateway`, `scheduler`,
    `agents` and `dispatchers`.

    Every setting is also an environment variable, SWARMPILOT_ and its name in capitals; an option comes before it.

    [bold]Examples[/bold]

      swarmpilot start

      swarmpilot start --port 8102 --config instances.yaml

      swarmpilot start --store sqlite:////var/lib/swarmpilot/tasks.db --amqp amqp://guest:guest@localhost/

      swarmpilot start --store postgresql://swarm:secret@localhost/tasks

      swarmpilot start --set run_timeout_s=60 --set max_attempts=5
    """
    where = {"host": host, "port": port, "grpc_port": grpc_port}
    what = {"store": store, "amqp": amqp, "config": config, "strategy": strategy}
    return serve(None, setting, log_level=log_level, **where, **what)
