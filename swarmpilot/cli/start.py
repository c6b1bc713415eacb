"""`swarmpilot start`: the scheduler, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swarmpilot.cli.options import Usage


def start(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]", envvar="SWARMPILOT_HOST")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="REST port; 0: any. [default: 8102]", envvar="SWARMPILOT_PORT")
    ] = None,
    grpc_port: Annotated[
        int | None,
        typer.Option(help="gRPC port; 0: any, -1: no gRPC. [default: 50053]", envvar="SWARMPILOT_GRPC_PORT"),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where tasks are kept, as a URL. [default: sqlite:///swarmpilot.db]", envvar="SWARMPILOT_STORE"
        ),
    ] = None,
    amqp: Annotated[
        str | None,
        typer.Option(help="RabbitMQ, as amqp://user:password@host/vhost; not needed.", envvar="SWARMPILOT_AMQP"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file with instances:, strategy:, order:, agents:.",
            envvar=["SWARMPILOT_CONFIG", "SCHEDULER_CONFIG_PATH"],
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="ShortestQueue, RoundRobin, Tail, ... (docs/placement.md), or your own as module:function; "
            "else what is in force stays.",
            envvar="SWARMPILOT_STRATEGY",
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            help="DEBUG, INFO, WARNING or ERROR. [default: INFO]", envvar=["SWARMPILOT_LOG_LEVEL", "LOG_LEVEL"]
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, such as max_attempts=5; repeatable."),
    ] = None,
) -> int:
    """Start the scheduler; SIGTERM or Ctrl-C drains and stops it.

    Every setting is also an environment variable, SWARMPILOT_ and its name in capitals; an option comes before it.

    [bold]Examples[/bold]

      swarmpilot start

      swarmpilot start --port 8102 --config instances.yaml

      swarmpilot start --store sqlite:////var/lib/swarmpilot/tasks.db --amqp amqp://guest:guest@localhost/

      swarmpilot start --set run_timeout_s=60 --set max_attempts=5
    """
    given: dict[str, object] = {
        "host": host,
        "port": port,
        "grpc_port": grpc_port,
        "store": store,
        "amqp": amqp,
        "config": config,
        "strategy": strategy,
        "log_level": log_level.upper() if log_level else None,
    }
    given = {name: value for name, value in given.items() if value is not None} | _named(setting or [])
    if config is not None and not config.is_file():
        raise Usage(f"--config: there is no file {config}")
    return _serve(given)


def _named(settings: list[str]) -> dict[str, object]:
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise Usage(f"--set: expected NAME=VALUE, such as max_attempts=5, got {name!r}")
    return {name.strip().lower(): value for name, _, value in pairs}


def _serve(given: dict[str, object]) -> int:
    # The service is imported only here: a client's command line starts without it.
    from pydantic import ValidationError

    from actors.settings import Settings
    from gateway.field_faults import rule_and_value
    from gateway.serve import run

    unknown = sorted(given.keys() - Settings.model_fields.keys())
    if unknown:
        raise Usage(f"--set: no setting is named {', '.join(unknown)}; there are {', '.join(Settings.model_fields)}")
    try:
        settings = Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given})
    except ValidationError as failure:
        faults = (f"{_name(fault['loc'])}: {rule_and_value(fault)}" for fault in failure.errors())
        raise Usage("; ".join(faults)) from None
    return run(settings)


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location).lower()
