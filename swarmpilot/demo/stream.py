"""Submits the planned tasks on time and learns of their ends: by callback at once, by query where none comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from swarmpilot.async_client import AsyncClient
from swarmpilot.demo.tally import Sent, Tally
from swarmpilot.demo.workload import MODEL, PlannedTask
from swarmpilot.errors import SchedulerError
from swarmpilot.records import TaskRecord, task_record

QUERY_AFTER_S = 3.0


class Stream:
    """The demo's client: one for a whole run, writing into `tally`."""

    def __init__(self, client: AsyncClient, tally: Tally) -> None:
        self._client = client
        self._tally = tally
        self._callbacks: web.AppRunner | None = None
        self._callback_url = ""
        self._early: dict[str, tuple[TaskRecord, float]] = {}

    async def open(self) -> None:
        """Listen for callbacks on a free loopback port."""
        app = web.Application()
        app.router.add_post("/ended", self._called_back)
        self._callbacks = web.AppRunner(app, access_log=None)
        await self._callbacks.setup()
        await web.TCPSite(self._callbacks, "127.0.0.1", 0).start()
        self._callback_url = f"http://127.0.0.1:{self._callbacks.addresses[0][1]}/ended"

    async def close(self) -> None:
        """Stop listening."""
        if self._callbacks:
            await self._callbacks.cleanup()

    async def send_all(self, plan: Iterable[PlannedTask]) -> None:
        """Submit each task when it is due, and return when all are answered."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for task in plan:
                await asyncio.sleep(begun + task.at_s - time.monotonic())
                group.create_task(self._send(task))

    async def query_overdue(self) -> None:
        """For ever: ask for tasks of which no callback has told for a while."""
        while True:
            await asyncio.sleep(QUERY_AFTER_S / 3)
            overdue = [t.task_id for t in self._tally.in_flight.values() if time.monotonic() - t.at > QUERY_AFTER_S]
            for task_id in overdue:
                if task_id in self._tally.in_flight:
                    await self._query(task_id)

    async def _send(self, task: PlannedTask) -> None:
        task_input = {"prompt": "…", "input_tokens": task.input_tokens, "max_tokens": task.max_tokens}
        metadata = {"callback_url": self._callback_url}
        at = time.monotonic()
        try:
            answer = await self._client.submit(MODEL, task_input, metadata=metadata, priority=task.priority)
        except SchedulerError as refusal:
            self._tally.refuse(str(refusal))
            return
        self._tally.sent(Sent(answer.task_id, task.priority, at))
        early = self._early.pop(answer.task_id, None)
        if early:
            self._note(*early)

    async def _query(self, task_id: str) -> None:
        try:
            record = await self._client.query(task_id)
        except SchedulerError:
            return  # a task that stays unknown is counted as lost in the end
        if record.has_ended:
            self._note(record, time.monotonic())

    async def _called_back(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        record, now = task_record(body), time.monotonic()
        if record.task_id in self._tally.in_flight:
            self._note(record, now)
        else:
            self._early[record.task_id] = (record, now)  # it can come before the submit's own answer
        return web.Response()

    def _note(self, record: TaskRecord, at: float) -> None:
        self._tally.ended(record.task_id, record.scheduled_ti, record.execution_ms or 0.0, record.failure, at)
