"""Verifies a store offline under the settings of the service: `swarmpilot verify` is this."""

from __future__ import annotations

from collections.abc import Collection

from actors.settings import Settings
from actors.stores import open_record
from actors.verification import Findings, Limits
from actors.verification.reading import verify_record
from gateway.assembly import behaviours
from gateway.config_file import ConfigError, read_config


async def verify_store(
    settings: Settings,
    *,
    drained: bool,
    acknowledged: Collection[str],
    expected_dead: Collection[str] | None,
) -> Findings:
    """What is wrong with the store that the settings name. Raises ConfigError, StoreUnavailable."""
    config = read_config(settings.config)
    try:
        record = open_record(settings.store)
    except ValueError as error:
        raise ConfigError(f"store: {error}") from error
    slots_of = {agent_id: entry.slots for agent_id, entry in config.agents.items()}
    return await verify_record(
        record,
        behaviours(settings, config),
        Limits(settings.max_attempts, settings.agent_slots, slots_of),
        drained=drained,
        acknowledged=acknowledged,
        expected_dead=expected_dead,
    )
