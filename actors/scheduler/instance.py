"""An instance as the scheduler knows it: its credits, and what waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.messages.answers import InstanceCondition
from actors.messages.scheduler import PREEMPT, Protocol
from actors.scheduler.waiting_line import WaitingLine


@dataclass(slots=True)
class Instance:
    """A TaskInstance, its credits (`capacity` less `in_flight`) and what waits for it tentatively.

    `reserved` are the tasks for which one has given way here. `incarnation` is that of an attached worker's process.
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

    @property
    def can_preempt(self) -> bool:
        """Whether what it runs can be asked to give way."""
        return PREEMPT in self.capabilities

    @property
    def has_credit(self) -> bool:
        """Whether it can start a task now."""
        return self.condition == "up" and len(self.in_flight) < self.capacity
