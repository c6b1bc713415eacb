"""What a protocol handler may use: ask an actor, read the store, probe an instance, know the service's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from actors.asker import Asker
from actors.broker import BrokerCondition
from actors.courier import Courier
from actors.settings import Settings
from actors.store import TaskReader
from actors.vitals import Illness, Vitals
from gateway.activity_feed import ActivityFeed
from gateway.attached_workers import AttachedWorkers
from gateway.dead_letters import DeadLetters

Phase = Literal["starting", "serving", "draining"]
HealthStatus = Literal["healthy", "ill", "starting", "draining"]


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How the service is. `broker` is None in a deployment without one.

    `shards`: how many run in this process, None where it is no host of actors. `fenced_writes`: how often the store
    refused what it wrote, because another process had taken a shard. `ill`: what of it does not work, as far as known.
    `rare`: how often since the process began what should be rare has happened, by the names that `Vitals.counts` has.
    """

    phase: Phase
    broker: BrokerCondition | None
    shards: int | None = None
    fenced_writes: int = 0
    ill: Sequence[Illness] = ()
    rare: Mapping[str, int] = field(default_factory=dict)

    @property
    def health(self) -> HealthStatus:
        """In a word."""
        if self.phase != "serving":
            return self.phase
        return "ill" if self.ill else "healthy"


@dataclass(frozen=True, slots=True)
class Edge:
    """Everything that REST and gRPC handlers need; built once by `gateway.service`.

    `workers` serves workers that connect here, `activity` shows what all agents are at, `dead` has the messages that
    could have no effect; None where nobody may ask. `status` is everything there is to say of the service, `phase`
    the part of it that every call asks for. `vitals` are told what of the service is seen here not to work.
    """

    asker: Asker
    reader: TaskReader
    courier: Courier
    settings: Settings
    phase: Callable[[], Phase]
    status: Callable[[], ServiceStatus]
    workers: AttachedWorkers | None = None
    activity: ActivityFeed | None = None
    dead: DeadLetters | None = None
    vitals: Vitals = field(default_factory=Vitals)
