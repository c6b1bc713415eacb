"""What a process can be: a gateway to clients, or a host of one kind of actors; `swarmpilot start` is all of it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from actors.addresses import ActorKind

Role: TypeAlias = Literal["gateway", "scheduler", "agents", "dispatchers"]

ALL_ROLES: Final[frozenset[Role]] = frozenset(get_args(Role))

HOSTS: Final[dict[Role, ActorKind]] = {"scheduler": "scheduler", "agents": "agent", "dispatchers": "dispatcher"}
"""The kind of actors that a role hosts; a gateway hosts none."""
