"""Holds a store file to every rule of `actors.verification`, as `swarmpilot verify` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from actors.addresses import ActorKind
from actors.behaviour import AnyBehaviour
from actors.stores import open_record
from actors.verification import Findings, Limits
from actors.verification.reading import verify_record


async def must_be_sound(
    path: Path,
    behaviours: Mapping[ActorKind, AnyBehaviour],
    limits: Limits | None = None,
    *,
    drained: bool = True,
    acknowledged: Collection[str] = (),
    expected_dead: Collection[str] | None = (),
) -> Findings:
    """What was looked at. Raises AssertionError with every violation."""
    findings = await verify_record(
        open_record(f"sqlite:///{path}"),
        behaviours,
        limits or Limits(),
        drained=drained,
        acknowledged=acknowledged,
        expected_dead=expected_dead,
    )
    assert findings.is_sound, "\n".join(str(violation) for violation in findings.violations)
    return findings
