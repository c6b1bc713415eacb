"""Tells the scheduler how attempts ended, each report until it is answered, over whatever connection there is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from actors.addresses import dispatcher
from actors.messages.answers import Refused, ReportAnswered
from actors.messages.dispatcher import Report
from actors.messages.worker import StartTask
from swarmpilot.backoff import delays
from swarmpilot.instance.reports import encode_result, error_result
from swarmpilot.worker.conversation import Conversation, Disconnected

log = logging.getLogger("swarmpilot.worker")

AT_ONCE = 32
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 2.0


class Reporter:
    """`on_delivered` is called each time a report has been answered."""

    def __init__(self, on_delivered: Callable[[], None]) -> None:
        self._on_delivered = on_delivered
        self._conversation: Conversation | None = None
        self._is_connected = asyncio.Event()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._pending: dict[tuple[str, int], asyncio.Task[None]] = {}

    @property
    def pending(self) -> int:
        """How many reports are not answered yet."""
        return len(self._pending)

    def connect(self, conversation: Conversation) -> None:
        """Report over this connection from now on."""
        self._conversation = conversation
        self._is_connected.set()

    def disconnect(self) -> None:
        """Keep reports until there is a connection again."""
        self._conversation = None
        self._is_connected.clear()

    def report(self, start: StartTask, report: Report) -> None:
        """Send this report, unless the same one is under way."""
        key = (report.task_id, report.attempt)
        if key not in self._pending:
            self._pending[key] = asyncio.create_task(self._deliver(key, start, report))

    async def close(self) -> None:
        """Abandon what is not delivered."""
        tasks = tuple(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, key: tuple[str, int], start: StartTask, report: Report) -> None:
        try:
            async with self._gate:
                await self._send(start, report)
        finally:
            del self._pending[key]
            self._on_delivered()

    async def _send(self, start: StartTask, report: Report) -> None:
        """Ask until answered. A result that is refused is replaced, once, by an error that says so."""
        to, was_replaced = dispatcher(start.ti_uuid), False
        for delay in delays(FIRST_DELAY_S, LONGEST_DELAY_S):
            reason = "not connected"
            await self._is_connected.wait()
            if self._conversation is not None:
                try:
                    answer = await self._conversation.ask(to, report, queue=start.report_queue)
                except Disconnected as failure:
                    reason = str(failure)
                else:
                    if isinstance(answer, ReportAnswered):
                        return
                    reason = answer.reason if isinstance(answer, Refused) else f"answered {answer}"
                    if was_replaced:
                        log.error("the scheduler refuses any report of %s, giving up: %s", report.task_id, reason)
                        return
                    was_replaced = True
                    error = error_result(f"the scheduler refused the result: {reason}", "ReportRefused")
                    report = replace(report, result=encode_result(error), is_error=True)
            log.warning("report of %s not answered, trying again: %s", report.task_id, reason)
            await asyncio.sleep(delay)
