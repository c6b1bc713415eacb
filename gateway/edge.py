"""What a protocol handler may use: ask an actor, read the store, probe an instance, know the service's state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from actors.addresses import Address
from actors.broker import BrokerCondition
from actors.courier import Courier
from actors.messages import Answer, Message
from actors.settings import Settings
from actors.store import TaskReader

Phase = Literal["starting", "serving", "draining"]


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How the service is. `broker` is None in a deployment without one."""

    phase: Phase
    broker: BrokerCondition | None


class Asker(Protocol):
    """Sends a message to an actor and waits for its answer."""

    async def ask(self, to: Address, message: Message, *, timeout: float | None = None) -> Answer:
        """The answer. `timeout` in seconds, None for the setting.

        Raises BrokerUnavailable (503, nothing was sent) or AnswerTimeout (503, may still be carried out).
        """


@dataclass(frozen=True, slots=True)
class Edge:
    """Everything that REST and gRPC handlers need; built once by `gateway.service`."""

    asker: Asker
    reader: TaskReader
    courier: Courier
    settings: Settings
    status: Callable[[], ServiceStatus]
