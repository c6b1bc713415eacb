"""Dead letters at the edge: those of the broker go into the store as well, and any can be replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from msgspec.structs import replace

from actors.addresses import SCHEDULER
from actors.dead_letters import DeadLetter, replay_id
from actors.ending import end
from actors.envelope import Envelope
from actors.envelope_json import decode_envelope, decode_envelopes
from actors.errors import StoreUnavailable
from actors.messages import Message
from actors.store import Transaction, WholeStore

log = structlog.get_logger(__name__)

PAUSE_S = 1.0


class Unreadable(ValueError):
    """The letter still means nothing; the text says why."""


class DeadDelivery(Protocol):
    """A letter as the broker hands it over."""

    @property
    def letter(self) -> DeadLetter:
        """The letter."""

    def settle(self) -> None:
        """It is in the store."""

    def put_back(self) -> None:
        """It is not."""


class DeadLetters:
    """`post` sends envelopes to actors, `translate` reads what producers publish. Raises ValueError."""

    def __init__(
        self,
        store: WholeStore,
        post: Callable[[Sequence[Envelope]], Awaitable[None]],
        translate: Callable[[bytes], Sequence[Message]],
    ) -> None:
        self._store = store
        self._post = post
        self._translate = translate
        self._keeping: set[asyncio.Task[None]] = set()

    def keep(self, delivery: DeadDelivery) -> None:
        """Move a letter from the broker into the store."""
        task = asyncio.create_task(self._keep(delivery))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def close(self) -> None:
        """What is not in the store yet stays with the broker."""
        await end(*self._keeping)

    async def listed(self, after: str, limit: int) -> list[DeadLetter]:
        """Those that failed last come first, without their bodies."""
        return await self._store.dead_letters(after=after, limit=limit)

    async def find(self, letter_id: str) -> DeadLetter | None:
        """The whole of one."""
        return await self._store.dead_letter(letter_id)

    async def replay(self, letter: DeadLetter) -> None:
        """Send it again. Raises Unreadable, BrokerUnavailable, StoreUnavailable."""
        envelopes = self._envelopes(letter)
        await self._post(envelopes)
        if letter.kind == "bundle":  # their ids are what they were: nothing tells when they have their effect
            await self._store.commit(Transaction(replayed=[letter.id]))

    def _envelopes(self, letter: DeadLetter) -> list[Envelope]:
        try:
            if letter.kind == "bundle":
                return decode_envelopes(letter.body)
            if letter.kind == "command":
                messages = self._translate(letter.body)
                return [Envelope(replay_id(letter, n), SCHEDULER, message) for n, message in enumerate(messages)]
            envelope = decode_envelope(letter.body)
        except ValueError as error:
            raise Unreadable(str(error)) from error
        return [replace(envelope, id=replay_id(letter), reply_to=None)]

    async def _keep(self, delivery: DeadDelivery) -> None:
        try:
            await self._store.commit(Transaction(dead=[delivery.letter]))
        except StoreUnavailable as error:
            log.warning("a dead letter stays with the broker for now", id=delivery.letter.id, reason=str(error))
            await asyncio.sleep(PAUSE_S)
            delivery.put_back()
        else:
            delivery.settle()
