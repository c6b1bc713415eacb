"""Gives tasks to attached workers: what is to be started at one worker in one moment is read and sent together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeAlias

from actors.addresses import dispatcher, queue_of, worker
from actors.asker import AskerOfMany
from actors.couriers.checkpoints import checkpoint_for
from actors.errands import PushToInstance
from actors.messages import Answer
from actors.messages.worker import StartTask
from actors.store import Payload, TaskReader, TaskRow

Asked: TypeAlias = "asyncio.Future[Awaitable[Answer] | None]"


class Starts:
    """Asks each worker to start tasks. `timeout_s` is how long an answer may take (s)."""

    def __init__(self, asker: AskerOfMany, reader: TaskReader, *, shards: int, timeout_s: float) -> None:
        self._asker = asker
        self._reader = reader
        self._shards = shards
        self._timeout_s = timeout_s
        self._lines: dict[str, list[tuple[PushToInstance, Asked]]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, errand: PushToInstance) -> Answer | None:
        """The worker's answer; None where the store has no such task. Raises what `Asker.ask` does."""
        asked: Asked = asyncio.get_running_loop().create_future()
        host = errand.endpoint.host
        line = self._lines.get(host)
        if line is not None:
            line.append((errand, asked))
        else:
            self._lines[host] = [(errand, asked)]
            sending = asyncio.create_task(self._send(host))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        answer = await asked
        return None if answer is None else await answer

    async def _send(self, host: str) -> None:
        line = self._lines.pop(host)
        try:
            found = await self._reader.inputs([errand.task_id for errand, _ in line])
            known = [(errand, asked, found[errand.task_id]) for errand, asked in line if errand.task_id in found]
            starts = [await self._start(errand, *task) for errand, _, task in known]
            answers = await self._asker.ask_each(worker(host), starts, timeout=self._timeout_s)
        except Exception as error:
            for _, asked in line:
                if not asked.done():
                    asked.set_exception(error)
            return
        for (_, asked, _), answer in zip(known, answers, strict=True):
            if not asked.done():
                asked.set_result(answer)
        for _, asked in line:
            if not asked.done():
                asked.set_result(None)

    async def _start(self, errand: PushToInstance, row: TaskRow, task: Payload) -> StartTask:
        left = await checkpoint_for(self._reader, errand)
        return StartTask(
            task_id=errand.task_id,
            attempt=errand.attempt,
            agent_id=row.agent_id,
            model_name=row.model_name,
            input=task.body,
            content_type=task.content_type,
            metadata=task.metadata,
            ti_uuid=row.scheduled_ti,
            report_queue=queue_of(dispatcher(row.scheduled_ti), self._shards),
            resumption=errand.resumption,
            checkpoint=left.body if left is not None else b"",
        )
