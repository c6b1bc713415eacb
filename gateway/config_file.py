"""The YAML configuration file: the guide's `instances:` ("Scheduler Configuration") and what we add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.messages.scheduler import MOST_CAPACITY
from gateway.bad_request import shown
from gateway.field_faults import RULES, described

_YAML_RULES = {
    **RULES,
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}

TABLE_FORMS = (".csv", ".json")
MAX_TABLE_BYTES = 50 * 1024 * 1024


class ConfigError(ValueError):
    """What the service was configured with cannot be used; the text names where it stands, the field and the rule."""


class InstanceEntry(BaseModel):
    """An instance to register at start. Without `model_name` its own `/info` says which model it runs."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    model_name: str | None = Field(None, min_length=1)
    capacity: int | None = Field(None, ge=1, le=MOST_CAPACITY)


class AgentEntry(BaseModel):
    """An agent's settings: how many tasks it runs at once."""

    model_config = ConfigDict(extra="forbid")

    slots: int = Field(ge=1)


class PredictionEntry(BaseModel):
    """Where a model's execution times come from: a CSV or JSON file, its path as seen from the configuration file."""

    model_config = ConfigDict(extra="forbid")

    table: Path


class ConfigFile(BaseModel):
    """The whole file; every part may be absent."""

    model_config = ConfigDict(extra="forbid")

    instances: list[InstanceEntry] = []
    strategy: str | None = None
    strategies: dict[str, str] = {}
    weights: dict[str, Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]] = {}
    order: str | None = None
    orders: dict[str, str] = {}
    shares: dict[str, Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]] = {}
    agents: dict[str, AgentEntry] = {}
    predictions: dict[str, PredictionEntry] = {}


def read_config(path: Path | None) -> ConfigFile:
    """Read and check the file; no path is an empty file. Raises ConfigError."""
    if path is None:
        return ConfigFile()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} is not YAML: {' '.join(str(error).split())}") from error
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"configuration file {path}: must be a mapping (`instances:`, …); got {shown(content)}")
    try:
        config = ConfigFile.model_validate(content or {})
    except ValidationError as error:
        faults = "; ".join(described(fault, _YAML_RULES) for fault in error.errors())
        raise ConfigError(f"configuration file {path}: {faults}") from error
    for entry in config.predictions.values():
        entry.table = path.parent / entry.table
    return config


def read_table(model_name: str, path: Path) -> str:
    """The text of a model's table of execution times. Raises ConfigError."""
    field = f"field `predictions.{model_name}.table`"
    if path.suffix.lower() not in TABLE_FORMS:
        raise ConfigError(f"{field}: must name a {' or '.join(TABLE_FORMS)} file; got {shown(str(path))}")
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise ConfigError(f"{field}: {path} must be at most {MAX_TABLE_BYTES} bytes long")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{field}: {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{field}: {path} must be UTF-8 ({error.reason} at byte {error.start})") from error
