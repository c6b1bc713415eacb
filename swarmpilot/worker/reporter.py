"""Tells the scheduler how runs ended, each report until it is answered, over whatever connection there is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from actors.addresses import dispatcher
from actors.messages import Answer
from actors.messages.answers import Refused, ReportAnswered
from actors.messages.dispatcher import Report, ReportProgress
from actors.messages.worker import StartTask
from swarmpilot.backoff import delays
from swarmpilot.instance.reports import encode_result, error_result
from swarmpilot.worker.conversation import Conversation, Disconnected
from swarmpilot.worker.runner import Ending, key_of

log = logging.getLogger("swarmpilot.worker")

AT_ONCE = 1024
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 2.0


class Reporter:
    """`on_delivered` is called each time a report has been answered."""

    def __init__(self, on_delivered: Callable[[], None]) -> None:
        self._on_delivered = on_delivered
        self._conversation: Conversation | None = None
        self._is_connected = asyncio.Event()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._pending: dict[str, asyncio.Task[None]] = {}

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

    def report(self, start: StartTask, ending: Ending) -> None:
        """Send this report, unless the same one is under way."""
        key = key_of(ending)
        if key not in self._pending:
            self._pending[key] = asyncio.create_task(self._deliver(key, start, ending))

    async def tell(self, start: StartTask, news: ReportProgress) -> bool:
        """Say it once. False where nobody has heard it, so that it should be said again."""
        try:
            answer = await self._ask(start, news)
        except Disconnected:
            return False
        if isinstance(answer, Refused):
            log.warning("the scheduler refuses what task %s says of its progress: %s", news.task_id, answer.reason)
        return True

    async def close(self) -> None:
        """Abandon what is not delivered."""
        tasks = tuple(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, key: str, start: StartTask, ending: Ending) -> None:
        try:
            async with self._gate:
                await self._send(start, ending)
        finally:
            del self._pending[key]
            self._on_delivered()

    async def _send(self, start: StartTask, ending: Ending) -> None:
        """Ask until answered. An ending that is refused is replaced, once, by an error that says so."""
        was_replaced = False
        for delay in delays(FIRST_DELAY_S, LONGEST_DELAY_S):
            await self._is_connected.wait()
            try:
                answer = await self._ask(start, ending)
            except Disconnected as failure:
                reason = str(failure)
            else:
                if isinstance(answer, ReportAnswered):
                    return
                reason = answer.reason if isinstance(answer, Refused) else f"answered {answer}"
                if was_replaced:
                    log.error("the scheduler refuses any report of %s, giving up: %s", ending.task_id, reason)
                    return
                was_replaced = True
                ending = _refused(ending, reason)
            log.warning("report of %s not answered, trying again: %s", ending.task_id, reason)
            await asyncio.sleep(delay)

    async def _ask(self, start: StartTask, message: Ending | ReportProgress) -> Answer:
        if self._conversation is None:
            raise Disconnected("not connected")
        return await self._conversation.ask(dispatcher(start.ti_uuid), message, queue=start.report_queue)


def _refused(ending: Ending, reason: str) -> Report:
    """What is said in place of a result or a checkpoint that the scheduler does not take."""
    what = "result" if isinstance(ending, Report) else "checkpoint"
    return Report(
        task_id=ending.task_id,
        attempt=ending.attempt,
        resumption=ending.resumption,
        agent_id=ending.agent_id,
        instance_id=ending.instance_id,
        execution_ms=ending.execution_ms,
        result=encode_result(error_result(f"the scheduler refused the {what}: {reason}", "ReportRefused")),
        is_error=True,
    )
