"""The courier port: runs an actor's errands in the outside world and brings the outcome back as a message.

Implementations: `couriers/http` (TaskInstances and webhooks over HTTP), `couriers/worker` (attached workers, over the
broker), and `couriers/by_protocol`, which chooses between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from actors.errands import Endpoint, Errand
from actors.messages import Message


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """What a TaskInstance says of itself when probed.

    `capacity` is its `replicas`, None where it does not tell; `model_name` "" where it has none deployed.
    """

    endpoint: Endpoint
    model_name: str = ""
    capacity: int | None = None
    uptime_s: float | None = None
    capabilities: tuple[str, ...] = field(default=())


class InstanceUnreachable(Exception):
    """The instance did not answer a probe; the text says why."""


class Courier(Protocol):
    """Speaks to TaskInstances and webhooks."""

    async def open(self) -> None:
        """Make ready."""

    async def close(self) -> None:
        """Abandon what is under way; its outcome is unknown."""

    async def run(self, errand: Errand) -> Message | None:
        """Run the errand. Failures are outcomes, not exceptions. None where the errand has no outcome."""

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Probe an unknown instance and find out which protocol it speaks. Raises InstanceUnreachable."""
