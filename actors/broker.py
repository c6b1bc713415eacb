"""The broker port: queues of envelopes between processes. Implementations: `brokers/local`, `rabbitmq/`.

The contract, held by `tests/contracts/test_broker.py` for every implementation:

- `publish` returns once every envelope is confirmed to be in its queue, else raises BrokerUnavailable (and
  nothing may be assumed). Envelopes for one queue arrive in the order in which `publish` was called, except
  after an error. Where a queue does not exist it raises NoSuchQueue, and nothing was put into that one.
- What was delivered and not settled is delivered again after a reconnect or a restart where
  `redelivers` is True; the receiver's inbox makes that harmless.
- Queues of shards are declared by `declare`, never on the request path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

from actors.envelope import Announcement, Envelope

BrokerCondition: TypeAlias = Literal["up", "down"]


class Delivery(Protocol):
    """Envelopes that arrived together (a bundle)."""

    @property
    def envelopes(self) -> Sequence[Envelope]:
        """The envelopes, in the order in which they were sent."""

    @property
    def redeliverable(self) -> bool:
        """Whether it would come again if this process died now: then the inbox has to remember it."""

    def settle(self) -> None:
        """All of it has had its effect; do not deliver it again. Never blocks."""

    def put_back(self) -> None:
        """None of it had an effect; deliver it again. Never blocks."""


Receiver: TypeAlias = Callable[[Delivery], None]


class Broker(Protocol):
    """Carries envelopes to the queues of shards and gateways."""

    @property
    def condition(self) -> BrokerCondition:
        """Whether publishing is possible now."""

    @property
    def announces(self) -> bool:
        """Whether announcements reach anybody; where not, none need be made."""

    async def open(self) -> None:
        """Connect. Raises BrokerUnavailable where that is not possible now."""

    async def close(self) -> None:
        """Send what was confirmed to callers, hand back what is unsettled, disconnect."""

    async def declare(self, queues: Sequence[str]) -> None:
        """Make these durable queues exist."""

    async def receive(self, queue: str, receiver: Receiver, *, temporary: bool = False, rank: int = 0) -> None:
        """Deliver what arrives in `queue` from now on, through reconnects. `temporary`: a queue of this
        process's own that goes with it. Of several receivers the one of the highest `rank` is delivered to."""

    async def stop_receiving(self, queue: str) -> None:
        """Deliver no more from this queue; what is unsettled goes back into it."""

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Put each envelope into its receiver's queue and wait for the confirmation of all."""

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Publish facts on the topic exchange, with confirmation."""
