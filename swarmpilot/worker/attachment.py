"""A worker's tie to the scheduler: it connects and attaches, and again whenever the connection is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from actors.addresses import SCHEDULER
from actors.messages.answers import InstanceRemoval, Refused, WorkerAttached
from actors.messages.scheduler import AttachWorker, DetachWorker
from swarmpilot.backoff import delays
from swarmpilot.worker.conversation import Conversation, Disconnected, Handle, Transport

log = logging.getLogger("swarmpilot.worker")

FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 2.0
"""Pauses between attempts to connect (s). Short, so that a restarted scheduler does not give the worker up."""
QUIET_S = 60.0
"""An attached worker is pinged every few seconds; one that hears nothing for so long (s) is known no more, and attaches
again."""


class Attachment:
    """`attach` is what it asks for. `on_connection` is told each connection once attached, and None when it is gone."""

    def __init__(
        self,
        transport: Transport,
        attach: AttachWorker,
        handle: Handle,
        on_connection: Callable[[Conversation | None], None],
    ) -> None:
        self.ti_uuid = ""
        self.attached = asyncio.Event()
        self._transport = transport
        self._attach = attach
        self._handle = handle
        self._on_connection = on_connection
        self._conversation: Conversation | None = None
        self._is_leaving = False
        self._comes_back: Callable[[], bool] = lambda: True

    async def keep(self) -> None:
        """Stay attached, until cancelled or, after `come_back_only_while`, there is no reason to come back."""
        waits, last = delays(FIRST_DELAY_S, LONGEST_DELAY_S), ""
        while self._comes_back():
            reason = ""
            try:
                async with self._transport.connected(self._handle) as conversation:
                    await self._introduce(conversation)
                    waits, last = delays(FIRST_DELAY_S, LONGEST_DELAY_S), ""
                    reason = await conversation.over(QUIET_S)
            except Disconnected as failure:
                reason = str(failure)
            except Exception as failure:
                # Connected again is the one thing to become, whatever it was.
                log.exception("a connection ended as nobody foresaw")
                reason = f"{type(failure).__name__}: {failure}"
            self._conversation = None
            self._on_connection(None)
            self.attached.clear()
            if reason != last and self._comes_back():
                log.warning("not attached, connecting again: %s", reason)
                last = reason
            await asyncio.sleep(next(waits))

    async def leave(self) -> bool:
        """Detach; False where it cannot be told now, but after the next connection is made."""
        self._is_leaving = True
        return self._conversation is not None and await self._detach(self._conversation)

    def come_back_only_while(self, is_wanted: Callable[[], bool]) -> None:
        """Once the connection is lost, stay away, unless this is so then."""
        self._comes_back = is_wanted

    async def _introduce(self, conversation: Conversation) -> None:
        answer = await conversation.ask(SCHEDULER, self._attach)
        if not isinstance(answer, WorkerAttached):
            raise Disconnected(f"not attached: {answer.reason if isinstance(answer, Refused) else answer}")
        self.ti_uuid = answer.ti_uuid
        self._conversation = conversation
        self._on_connection(conversation)
        self.attached.set()
        wanted = self._attach
        log.info("attached to %s as worker %s of agent %s", self._transport, wanted.worker_id, wanted.agent_id)
        if wanted.capacity > answer.slots:
            log.warning("agent %s runs %d at once (setting agents: slots)", wanted.agent_id, answer.slots)
        if self._is_leaving:
            await self._detach(conversation)

    async def _detach(self, conversation: Conversation) -> bool:
        try:
            answer = await conversation.ask(SCHEDULER, DetachWorker(self._attach.worker_id))
        except Disconnected as failure:
            log.warning("not detached: %s", failure)
            return False
        return isinstance(answer, InstanceRemoval)
