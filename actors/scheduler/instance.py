"""An instance as the scheduler knows it: its credits, and what waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.messages.answers import InstanceCondition
from actors.messages.scheduler import PREEMPT, Protocol
from actors.scheduler.waiting_line import WaitingLine


@dataclass(slots=True)
class Instance:
    """A TaskInstance, its credits (`capacity` less `in_flight`) and what waits for it tentatively.

    Of the `waiting` tasks, `sized` were predicted to take `work_ms` together. `weight` and `turn` are for strategies
    (see `strategies`), `address` is host:port, the host in its plain form, or a worker's id. `reserved` are the tasks
    for which one has given way here. `incarnation` is that of an attached worker's process.
    """

    ti_uuid: str
    host: str
    port: int
    model_name: str
    capacity: int
    protocol: Protocol
    capabilities: tuple[str, ...]
    pool: str
    condition: InstanceCondition = "up"
    in_flight: set[str] = field(default_factory=set)
    waiting: int = 0
    own_line: WaitingLine = field(default_factory=WaitingLine)
    reserved: set[str] = field(default_factory=set)
    incarnation: str = ""
    sized: int = 0
    work_ms: int = 0
    weight: float = 1.0
    turn: float = 0.0
    address: str = ""

    def __post_init__(self) -> None:
        self.address = f"{plain_host(self.host)}:{self.port}" if self.protocol != "worker" else self.host

    @property
    def can_preempt(self) -> bool:
        """Whether what it runs can be asked to give way."""
        return PREEMPT in self.capabilities

    @property
    def has_credit(self) -> bool:
        """Whether it can start a task now."""
        return self.condition == "up" and len(self.in_flight) < self.capacity


def plain_address(address: str) -> str:
    """The same for every usual way to write host:port; a worker's id stays as it is."""
    host, colon, port = address.rpartition(":")
    return f"{plain_host(host)}:{port}" if colon else address


def plain_host(host: str) -> str:
    """The same for every usual way to write the same host, so that an instance is not registered twice."""
    plain = host.lower().rstrip(".")
    return "127.0.0.1" if plain in ("localhost", "::1") else plain
