"""Asking: a request goes to an actor, and the answer finds its way back to whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from actors.addresses import Address, ReturnAddress
from actors.broker import Delivery
from actors.envelope import Envelope
from actors.errors import AnswerTimeout
from actors.messages import Answer, Message


class Asking:
    """Pending questions of this process, by correlation. `address` is where answers to it are sent.

    `name` tells this asker from all others there ever are; by default it is made up.
    """

    def __init__(self, post: Callable[[Sequence[Envelope]], Awaitable[None]], timeout_s: float, name: str = "") -> None:
        self._id = name or uuid4().hex
        self._post = post
        self._timeout_s = timeout_s
        self._asked = 0
        self._pending: dict[str, asyncio.Future[Answer]] = {}
        self.address = Address("gateway", self._id)

    def __len__(self) -> int:
        return len(self._pending)

    async def ask(self, to: Address, message: Message, *, timeout: float | None = None) -> Answer:
        """The answer. Raises BrokerUnavailable, or AnswerTimeout after `timeout` seconds (None: the setting)."""
        envelope, future = self._question(to, message)
        limit = self._timeout_s if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                await self._post([envelope])
                return await future
        except TimeoutError:
            raise _too_late(to, message, limit) from None
        finally:
            self._pending.pop(envelope.id, None)

    async def ask_each(
        self, to: Address, messages: Sequence[Message], *, timeout: float | None = None
    ) -> Sequence[Awaitable[Answer]]:
        """Send all of them together, and await each answer on its own; see the port."""
        if not messages:
            return []
        limit = self._timeout_s if timeout is None else timeout
        questions = [self._question(to, message) for message in messages]
        correlations, too_late = [envelope.id for envelope, _ in questions], _too_late(to, messages[0], limit)

        def give_up() -> None:
            for correlation in correlations:
                future = self._pending.pop(correlation, None)
                if future is not None and not future.done():
                    future.set_exception(too_late)

        late = asyncio.get_running_loop().call_later(limit, give_up)
        try:
            await self._post([envelope for envelope, _ in questions])
        except BaseException:
            late.cancel()
            for correlation in correlations:
                self._pending.pop(correlation, None)
            raise
        return [future for _, future in questions]

    def _question(self, to: Address, message: Message) -> tuple[Envelope, asyncio.Future[Answer]]:
        self._asked += 1
        correlation = f"{self._id}:{self._asked}"
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[correlation] = future
        return Envelope(correlation, to, message, ReturnAddress(self.address, correlation)), future

    def answer(self, envelope: Envelope) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        future = self._pending.pop(envelope.id, None)
        if future is not None and not future.done():
            future.set_result(envelope.message)  # type: ignore[arg-type]

    def receive(self, delivery: Delivery) -> None:
        """Answers have come over the broker."""
        for envelope in delivery.envelopes:
            self.answer(envelope)
        delivery.settle()


def _too_late(to: Address, message: Message, limit: float) -> AnswerTimeout:
    asked = f"{type(message).__name__} of {'/'.join(to)}"
    return AnswerTimeout(f"no answer to {asked} within {limit:g} s; a retry with the same id is safe")
