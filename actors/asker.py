"""The asker port: a message goes to whoever it is for, and the answer comes back.

Implementation: `gateway/asking`.
"""

from __future__ import annotations

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
