"""A TaskInstance that takes every task and says nothing more: the test reports in its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

DEADLINE_S = 30.0


class SilentInstance:
    """`pushed` holds what it was given, in order. `own_ids`: it speaks the older protocol, with ids of its own."""

    def __init__(self, model: str, *, replicas: int, own_ids: bool) -> None:
        self.model = model
        self.replicas = replicas
        self.port = 0
        self.pushed: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.app = web.Application()
        if own_ids:
            self.app.router.add_get("/status", self._status)
            self.app.router.add_post("/queue/enqueue", self._enqueue)
        else:
            self.app.router.add_get("/info", self._info)
            self.app.router.add_post("/queue/submit", self._submit)

    async def next_push(self) -> dict[str, Any]:
        """The next task that it is given."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.pushed.get()

    async def _info(self, request: web.Request) -> web.Response:
        model = {"model_name": self.model, "replicas": self.replicas} if self.model else None
        return web.json_response({"deployed_model": model, "instance_status": "running", "uptime": 1.0})

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "running", "model_name": self.model})

    async def _submit(self, request: web.Request) -> web.Response:
        return await self._take(await request.json(), None)

    async def _enqueue(self, request: web.Request) -> web.Response:
        return await self._take(await request.json(), f"remote-{self.pushed.qsize() + 1}")

    async def _take(self, task: dict[str, Any], own_id: str | None) -> web.Response:
        if own_id is not None:
            task["task_id"] = own_id
        self.pushed.put_nowait(task)
        await self.may_answer.wait()
        return web.json_response({"task_id": task["task_id"]})


@asynccontextmanager
async def silent_instance(
    model: str = "", *, replicas: int = 1, own_ids: bool = False
) -> AsyncIterator[SilentInstance]:
    """A listening instance that nobody has registered yet."""
    instance = SilentInstance(model, replicas=replicas, own_ids=own_ids)
    runner = web.AppRunner(instance.app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    instance.port = runner.addresses[0][1]
    try:
        yield instance
    finally:
        instance.may_answer.set()
        await runner.cleanup()
