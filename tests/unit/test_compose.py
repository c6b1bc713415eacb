"""What `docker compose` would start is what there is: every role twice, with options that the command line knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from actors.settings import Settings
from actors.stores import is_shareable
from gateway.roles import ALL_ROLES
from swarmpilot.cli import app

FOLDER = Path(__file__).resolve().parents[2] / "rabbitmq"


@pytest.fixture(name="compose")
def _compose() -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return compose


def test_every_role_is_started_twice(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"rabbitmq", "postgres", *ALL_ROLES}
    for role in ALL_ROLES:
        assert compose["services"][role]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("role", sorted(ALL_ROLES))
def test_its_command_line_is_one_that_is_understood(compose: dict[str, Any], role: str) -> None:
    command, *options = compose["services"][role]["command"]
    assert command == role
    known = {name for option in typer.main.get_group(app).commands[role].params for name in option.opts}
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert set(given) == {"--amqp", "--store"} <= known
    assert is_shareable(given["--store"])
    assert given["--amqp"].startswith("amqp://")


def test_its_environment_and_files_are_ours(compose: dict[str, Any]) -> None:
    settings = {f"SWARMPILOT_{name.upper()}" for name in Settings.model_fields}
    for role in ALL_ROLES:
        service = compose["services"][role]
        assert set(service["environment"]) <= settings
        assert set(service["depends_on"]) == {"rabbitmq", "postgres"}
        assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for mounted in compose["services"]["rabbitmq"]["volumes"][1:]:
        assert (FOLDER / mounted.split(":")[0]).is_file()


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {v.split(":")[0] for service in compose["services"].values() for v in service.get("volumes", [])}
    assert {name for name in used if re.fullmatch(r"[a-z-]+", name)} == set(compose["volumes"])
