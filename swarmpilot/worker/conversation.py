"""What is asked and answered over one connection, either way. How envelopes travel is the connection's business."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias, cast, get_args

from actors.addresses import Address, ReturnAddress
from actors.envelope import Envelope
from actors.messages import Answer, Message
from actors.messages.worker import WorkerMessage

ASK_TIMEOUT_S = 15.0

Handle: TypeAlias = Callable[[WorkerMessage], Answer]
"""Answers what the worker is asked."""

Carry: TypeAlias = Callable[[Envelope, str], Awaitable[None]]
"""Sends an envelope; on a broker, to this queue. Raises Disconnected."""


class Disconnected(Exception):
    """The connection to the scheduler is gone; the text says why."""


class Transport(Protocol):
    """A way to connect to the scheduler."""

    def connected(self, handle: Handle) -> AbstractAsyncContextManager[Conversation]:
        """A new connection, until the block ends. Raises Disconnected."""


class Conversation:
    """`me` is where answers are sent. `ended` has the reason once the connection is gone."""

    def __init__(self, me: Address, carry: Carry, handle: Handle) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._me = me
        self._carry = carry
        self._handle = handle
        self._pending: dict[str, asyncio.Future[Answer]] = {}
        self._heard_at = asyncio.get_running_loop().time()

    async def ask(self, to: Address, message: Message, *, queue: str = "", timeout_s: float = ASK_TIMEOUT_S) -> Answer:
        """The answer. Raises Disconnected, also where none comes in time."""
        if self.ended.done():
            raise Disconnected(self.ended.result())
        correlation = uuid.uuid4().hex
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[correlation] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await self._carry(Envelope(correlation, to, message, ReturnAddress(self._me, correlation)), queue)
                return await answer
        except TimeoutError:
            raise Disconnected(f"no answer to {type(message).__name__} within {timeout_s:g} s") from None
        finally:
            del self._pending[correlation]

    async def take(self, envelope: Envelope) -> None:
        """Something has come: an answer, or a question, which is answered at once. Raises Disconnected."""
        self._heard_at = asyncio.get_running_loop().time()
        if envelope.reply_to is None:
            waiting = self._pending.get(envelope.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(cast(Answer, envelope.message))
            return
        if isinstance(envelope.message, get_args(WorkerMessage)):
            answer = self._handle(cast(WorkerMessage, envelope.message))
            back = envelope.reply_to
            await self._carry(Envelope(back.correlation, back.to, answer), "")

    async def over(self, quiet_s: float) -> str:
        """Why, once the connection is gone, or nothing has come for so long that nobody seems to know of it."""
        loop = asyncio.get_running_loop()
        while not self.ended.done():
            left = self._heard_at + quiet_s - loop.time()
            if left <= 0:
                return f"nothing was heard for {quiet_s:g} s"
            await asyncio.wait({self.ended}, timeout=left)
        return self.ended.result()

    def end(self, reason: str) -> None:
        """The connection is gone: nobody waits for an answer any longer."""
        if not self.ended.done():
            self.ended.set_result(reason)
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(Disconnected(reason))
                waiting.exception()  # seen: who asks may hear of it from what was to carry the question
