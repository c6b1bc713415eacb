"""Everything that may befall a deployment."""

from __future__ import annotations

import random

from actors.settings import Settings
from tests.storm.deployment import Deployment
from tests.storm.faults import Choice, freeze, freeze_in_commit, kill, late_writes, replace
from tests.storm.network_faults import on_way, on_wire
from tests.storm.parts import Program

LEASE_S: float = Settings.model_fields["lease_ttl_s"].default
HOSTING = ("scheduler", "agents", "dispatchers")


def choices(
    deployment: Deployment, chance: random.Random, frozen_s: tuple[float, float], cut_s: tuple[float, float]
) -> list[Choice]:
    """Frozen for a time within `frozen_s`, the network harmed for one within `cut_s`."""
    found: list[Choice] = []
    for part in deployment.parts:
        found += [kill(part), freeze(part, chance, frozen_s)]
        way = deployment.gates.get(f"{part.name} to database")
        if not isinstance(part, Program) or way is None:
            continue
        if part.name in deployment.stand_ins:
            found.append(replace(part, deployment.stand_ins[part.name], way))
        if part.kind in HOSTING:
            found += [freeze_in_commit(part, way, chance, LEASE_S), late_writes(part, way, chance, LEASE_S)]
    for name, gate in deployment.gates.items():
        found += on_way(name, gate, chance, cut_s)
    if deployment.wire is not None:
        wire, far = deployment.wire
        found += on_wire(wire, far, chance, (cut_s[0], cut_s[1] + LEASE_S), LEASE_S)
    return found
