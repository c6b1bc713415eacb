"""Asking: a request goes to an actor, and the answer finds its way back to whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from actors.addresses import Address, ReturnAddress
from actors.broker import Delivery
from actors.envelope import Envelope
from actors.errors import AnswerTimeout
from actors.messages import Answer, Message


class Asking:
    """Pending questions of this process, by correlation. `address` is where answers to it are sent."""

    def __init__(self, post: Callable[[Envelope], Awaitable[None]], timeout_s: float) -> None:
        self._id = uuid4().hex
        self._post = post
        self._timeout_s = timeout_s
        self._asked = 0
        self._pending: dict[str, asyncio.Future[Answer]] = {}
        self.address = Address("gateway", self._id)

    def __len__(self) -> int:
        return len(self._pending)

    async def ask(self, to: Address, message: Message, *, timeout: float | None = None) -> Answer:
        """The answer. Raises BrokerUnavailable, or AnswerTimeout after `timeout` seconds (None: the setting)."""
        self._asked += 1
        correlation = f"{self._id}:{self._asked}"
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[correlation] = future
        limit = self._timeout_s if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                await self._post(Envelope(correlation, to, message, ReturnAddress(self.address, correlation)))
                return await future
        except TimeoutError:
            asked = f"{type(message).__name__} of {'/'.join(to)}"
            raise AnswerTimeout(f"no answer to {asked} within {limit:g} s; a retry with the same id is safe") from None
        finally:
            del self._pending[correlation]

    def answer(self, envelope: Envelope) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        future = self._pending.get(envelope.id)
        if future is not None and not future.done():
            future.set_result(envelope.message)  # type: ignore[arg-type]

    def receive(self, delivery: Delivery) -> None:
        """Answers have come over the broker."""
        for envelope in delivery.envelopes:
            self.answer(envelope)
        delivery.settle()
