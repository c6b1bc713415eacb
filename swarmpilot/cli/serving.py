"""What the commands have in common that run a process of the service: their options, and how settings come of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmpilot.cli.options import Usage

if TYPE_CHECKING:
    from actors.settings import Settings
    from gateway.roles import Role

Host = Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]", envvar="SWARMPILOT_HOST")]
Port = Annotated[int | None, typer.Option(help="REST port; 0: any. [default: 8102]", envvar="SWARMPILOT_PORT")]
GrpcPort = Annotated[
    int | None,
    typer.Option(help="gRPC port; 0: any, -1: no gRPC. [default: 50053]", envvar="SWARMPILOT_GRPC_PORT"),
]
HealthPort = Annotated[
    int | None,
    typer.Option(help="Port for /health and /metrics. [default: 0, none]", envvar="SWARMPILOT_HEALTH_PORT"),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="YAML file with instances:, strategy:, order:, agents:.",
        envvar=["SWARMPILOT_CONFIG", "SCHEDULER_CONFIG_PATH"],
    ),
]
LogLevel = Annotated[
    str | None,
    typer.Option(help="DEBUG, INFO, WARNING or ERROR. [default: INFO]", envvar=["SWARMPILOT_LOG_LEVEL", "LOG_LEVEL"]),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, such as max_attempts=5; repeatable."),
]
SharedStore = Annotated[
    str | None,
    typer.Option(
        help="The database of all processes: postgresql://user:password@host/database.", envvar="SWARMPILOT_STORE"
    ),
]
SharedAmqp = Annotated[
    str | None,
    typer.Option(
        help="The RabbitMQ of all processes: amqp://user:password@host/vhost, of each node.", envvar="SWARMPILOT_AMQP"
    ),
]


def serve(role: Role | None, setting: list[str] | None, **options: object) -> int:
    """Run a process of this role, of all roles where it is None, until a signal ends it. Raises Usage.

    `options` are settings; one that is None was not given.
    """
    # The service is imported only here: a client's command line starts without it.
    from gateway.garbage import collect_rarely

    collect_rarely()
    from actors.settings import Settings
    from gateway.roles import ALL_ROLES
    from gateway.serve import run

    config = options.get("config")
    if isinstance(config, Path) and not config.is_file():
        raise Usage(f"--config: there is no file {config}")
    given = {name: value for name, value in options.items() if value is not None} | _named(setting or [])
    unknown = sorted(given.keys() - Settings.model_fields.keys())
    if unknown:
        raise Usage(f"--set: no setting is named {', '.join(unknown)}; there are {', '.join(Settings.model_fields)}")
    return run(settings_with(given), frozenset({role}) if role else ALL_ROLES)


def settings_with(given: Mapping[str, object]) -> Settings:
    """The settings of the environment, and what is given before them. Raises Usage."""
    from pydantic import ValidationError

    from actors.settings import Settings
    from gateway.field_faults import rule_and_value

    try:
        return Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given})
    except ValidationError as failure:
        faults = (f"{_name(fault['loc'])}: {rule_and_value(fault)}" for fault in failure.errors())
        raise Usage("; ".join(faults)) from None


def _named(settings: list[str]) -> dict[str, object]:
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise Usage(f"--set: expected NAME=VALUE, such as max_attempts=5, got {name!r}")
    return {name.strip().lower(): value for name, _, value in pairs}


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location).lower().removeprefix("swarmpilot_")
