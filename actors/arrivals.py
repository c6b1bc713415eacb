"""What has arrived for this process and waits for the next turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from actors.broker import Delivery
from actors.envelope import Envelope

PATIENCE_S = 0.01
"""How long the outcome of an errand waits for company (s).

Nobody waits for it, and every turn costs a commit: at low load most tasks are done with one commit less.
"""


class LocalDelivery:
    """Envelopes that never left the process: outcomes of errands, notes put off, requests of the gateway here."""

    __slots__ = ("_home", "envelopes")
    redeliverable = False

    def __init__(self, envelopes: Sequence[Envelope], home: Arrivals) -> None:
        self.envelopes = envelopes
        self._home = home

    def settle(self) -> None:
        """Nobody else keeps a copy."""

    def put_back(self) -> None:
        """Wait for another turn."""
        self._home.add(self)


class Arrivals:
    """Deliveries in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._impatient: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, delivery: Delivery) -> None:
        """Something has arrived."""
        self._waiting.append(delivery)
        self._arrived.set()

    def put_first(self, deliveries: Sequence[Delivery]) -> None:
        """These come before all that waits: they were taken, and had no effect."""
        self._waiting.extendleft(reversed(deliveries))
        self._arrived.set()

    def add_local(self, envelopes: Sequence[Envelope]) -> None:
        """Something has come about in this process."""
        self.add(LocalDelivery(envelopes, self))

    def add_outcome(self, outcome: Envelope) -> None:
        """An errand has ended; this is taken with whatever comes next, or after a moment."""
        self._waiting.append(LocalDelivery([outcome], self))
        if not self._arrived.is_set() and self._impatient is None:
            self._impatient = asyncio.get_running_loop().call_later(PATIENCE_S, self._arrived.set)

    def sift(self, has_a_home: Callable[[Delivery], bool]) -> None:
        """Let go of those that have none."""
        self._waiting = deque(delivery for delivery in self._waiting if has_a_home(delivery))

    def wake(self) -> None:
        """Let `wait` return though nothing has arrived."""
        self._arrived.set()

    async def wait(self, timeout: float | None) -> None:
        """Return when something has arrived that is not to wait any longer, or after `timeout` seconds."""
        if not self._arrived.is_set():
            try:
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
            except TimeoutError:
                pass
        self._arrived.clear()
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None

    def take(self, messages: int) -> list[Delivery]:
        """The next deliveries, whole, until they hold `messages` messages."""
        taken: list[Delivery] = []
        left = messages
        while self._waiting and left > 0:
            delivery = self._waiting.popleft()
            left -= len(delivery.envelopes)
            taken.append(delivery)
        if self._waiting:
            self._arrived.set()
        return taken
