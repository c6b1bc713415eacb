"""Real servers on loopback for the courier to speak to, and a task for it to carry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from actors.couriers.http import HttpCourier
from actors.errands import Endpoint
from actors.messages import Message
from actors.messages.dispatcher import PushAnswered
from actors.store import JournalEntry, Payload, TaskRow
from actors.task_lifecycle import TaskState

TASK = TaskRow("t 1", "model:m", "m", 0, "", "rest", "d", TaskState.COMPLETED, 1.5, "ti", 2, execution_ms=7.0)
INPUT = Payload('{"prompt": "é"}'.encode(), "application/json", b'{"user": 1}')
RESULT = Payload(b'{"output":  1.0}', "application/json", b"{}")


@dataclass
class Shelf:
    """A task with its payloads, as a store would give them."""

    row: TaskRow = TASK
    payloads: dict[str, Payload] = field(default_factory=lambda: {"input": INPUT, "result": RESULT})

    async def task(self, task_id: str) -> TaskRow | None:
        return self.row if task_id == self.row.task_id else None

    async def tasks_by_remote_id(self, remote_id: str) -> list[TaskRow]:
        return []

    async def payload(self, task_id: str, part: str) -> Payload | None:
        return self.payloads.get(part) if task_id == self.row.task_id else None

    async def inputs(self, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
        return {self.row.task_id: (self.row, self.payloads["input"])} if self.row.task_id in task_ids else {}

    async def known(self, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        return {self.row.task_id: (self.row.digest, self.row.scheduled_ti)} if self.row.task_id in task_ids else {}

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        return [self.row]

    async def story(self, task_id: str) -> list[JournalEntry]:
        return []

    async def count_by_state(self) -> dict[TaskState, int]:
        return {self.row.state: 1}


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    body: Any
    key: str | None


@dataclass
class Instance:
    """A server that answers every request with what `answer` makes of it, and remembers what it saw."""

    answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append(Seen(request.method, request.raw_path, body, request.headers.get("Idempotency-Key")))
        return await self.answer(request)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Endpoint]:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Endpoint("127.0.0.1", runner.addresses[0][1])
        finally:
            await runner.cleanup()


def says(body: Any, status: int = 200) -> Instance:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return Instance(answer)


def says_at(**bodies: Any) -> Instance:
    """Answers GET /info, /status, ... with these bodies and everything else with 404."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = bodies.get(request.path.strip("/"))
        return web.json_response(body or {"detail": "Not Found"}, status=404 if body is None else 200)

    return Instance(answer)


@asynccontextmanager
async def a_courier(shelf: Shelf | None = None, timeout_s: float = 5.0) -> AsyncIterator[HttpCourier]:
    courier = HttpCourier(
        shelf or Shelf(), push_timeout_s=timeout_s, probe_timeout_s=timeout_s, callback_timeout_s=timeout_s
    )
    await courier.open()
    try:
        yield courier
    finally:
        await courier.close()


def whenever_sent(outcome: Message | None) -> Message | None:
    """What came of an errand, without the time at which a push was sent, if it was."""
    return replace(outcome, sent_at=None) if isinstance(outcome, PushAnswered) else outcome
