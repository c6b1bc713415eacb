"""The asker port: a message goes to whoever it is for, and the answer comes back.

Implementation: `gateway/asking`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from actors.addresses import Address
from actors.messages import Answer, Message


class Asker(Protocol):
    """Sends a message to an actor or an attached worker and waits for its answer."""

    async def ask(self, to: Address, message: Message, *, timeout: float | None = None) -> Answer:
        """The answer. `timeout` in seconds, None for the setting.

        Raises NoSuchQueue (nobody is there), another BrokerUnavailable (it may have been sent) or AnswerTimeout (it
        may still be carried out).
        """


class AskerOfMany(Asker, Protocol):
    """An asker that takes several messages for one receiver at once."""

    async def ask_each(
        self, to: Address, messages: Sequence[Message], *, timeout: float | None = None
    ) -> Sequence[Awaitable[Answer]]:
        """Send all of them together; each answer is awaited on its own, and raises AnswerTimeout on its own.

        Raises NoSuchQueue or another BrokerUnavailable for all of them.
        """
