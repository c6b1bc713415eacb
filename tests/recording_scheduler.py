"""The scheduler as a TaskInstance meets it: takes registrations and reports, and can be away for a while."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from aiohttp import web

DEADLINE_S = 30.0


class RecordingScheduler:
    """`reports` holds what was reported of ends, in order, `yields` of runs that gave way; `members` who is registered;
    `heard` every path that was called.

    `answers` are the status codes of the next reports, 200 when it is empty.
    """

    def __init__(self) -> None:
        self.port = 0
        self.members: list[dict[str, Any]] = []
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.reports: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.yields: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: list[int] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address, the same after it was away."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> RecordingScheduler:
        await self.come()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.go()

    async def come(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        app.router.add_post("/ti/register", self._register)
        app.router.add_post("/ti/remove", self._remove)
        app.router.add_post("/notify/task_complete", self._report)
        app.router.add_post("/notify/task_yielded", self._report)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def go(self) -> None:
        """Stop listening and cut every connection."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def next_report(self) -> dict[str, Any]:
        """The next report."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reports.get()

    async def next_yield(self) -> dict[str, Any]:
        """The next report of a run that gave way."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.yields.get()

    async def next_call(self, path: str) -> None:
        """Wait until this path is called (other calls before it are passed over)."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.heard.get() != path:
                pass

    async def _register(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.members.append(body)
        self.heard.put_nowait(request.path)
        return web.json_response({"status": "success", "message": "registered", "ti_uuid": "uuid-1"})

    async def _remove(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.members = [m for m in self.members if (m["host"], m["port"]) != (body["host"], body["port"])]
        self.heard.put_nowait(request.path)
        return web.json_response({"status": "success", "message": "removed", "ti_uuid": "uuid-1", **body})

    async def _report(self, request: web.Request) -> web.Response:
        body = await request.json()
        status = self.answers.pop(0) if self.answers else 200
        self.heard.put_nowait(request.path)
        if status == 200:
            (self.yields if request.path.endswith("/task_yielded") else self.reports).put_nowait(body)
        return web.json_response({"status": "success", "message": "…", "total_time_ms": 1.0}, status=status)
