"""Clients of the storm: they submit, evenly or as much as is taken, and repeat each task under its id until it is
acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
MODEL, AGENTS = "m", ("a-1", "a-2", "a-3")
SCOPES = ("", "", "", "repo:x", "repo:y")


@dataclass(slots=True)
class Request:
    """One task as its client sees it; times are Unix seconds."""

    task_id: str
    begun_at: float
    acknowledged_at: float | None = None
    tries: int = 0


@dataclass(slots=True)
class Load:
    """At most `most_open` tasks are unacknowledged at once. `doors`: the URLs that take tasks."""

    doors: list[str]
    executions: Path
    chance: random.Random
    most_open: int = 400
    requests: list[Request] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None

    @property
    def acknowledged(self) -> list[str]:
        """The ids of the tasks that were taken."""
        return [request.task_id for request in self.requests if request.acknowledged_at is not None]

    def waits(self) -> float:
        """For how long the oldest submit has not been acknowledged (s)."""
        open_since = (request.begun_at for request in self.requests if request.acknowledged_at is None)
        return time.time() - min(open_since, default=time.time())

    async def run(self, seconds: float, rate: float) -> None:
        """Submit so many a second for so long."""
        begun = time.monotonic()
        count = 0
        while (passed := time.monotonic() - begun) < seconds:
            while count < passed * rate and len(self._open) < self.most_open:
                count += 1
                self._begin()
            count = max(count, int(passed * rate))  # clients that found no room have gone
            await asyncio.sleep(0.01)

    async def flood(self, seconds: float, most_open: int, has_room: Callable[[], bool]) -> None:
        """Submit for so long as much as is taken, while there is room."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while has_room() and len(self._open) < most_open:
                self._begin()
            await asyncio.sleep(0.005)

    async def settle(self, within_s: float) -> None:
        """Return once everything is acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while self._open:
                await asyncio.wait(set(self._open))

    async def close(self) -> None:
        """Give up what is still open."""
        for client in self._open:
            client.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _begin(self) -> None:
        request = Request(f"storm-{len(self.requests)}", time.time())
        self.requests.append(request)
        client = asyncio.create_task(self._submit(request))
        self._open.add(client)
        client.add_done_callback(self._open.discard)

    async def _submit(self, request: Request) -> None:
        path, body = self._task(request.task_id)
        pause = FIRST_PAUSE_S
        while not await self._is_taken(path, body, request):
            await asyncio.sleep(pause * self.chance.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)
        request.acknowledged_at = time.time()

    def _task(self, task_id: str) -> tuple[str, dict[str, Any]]:
        payload = {"file": str(self.executions), "ms": self.chance.choice((1, 5, 20, 50))}
        priority = self.chance.choice((-5, 0, 0, 0, 5))
        if self.chance.random() < 0.3:
            agent_id, scope = self.chance.choice(AGENTS), self.chance.choice(SCOPES)
            body = {"task_id": task_id, "params": payload, "priority": priority, "scope": scope}
            return f"/agents/{agent_id}/tasks", body
        body = {"model_name": MODEL, "task_id": task_id, "task_input": payload, "metadata": {"priority": priority}}
        return "/queue/submit", body

    async def _is_taken(self, path: str, body: dict[str, Any], request: Request) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=6.0))
        request.tries += 1
        try:
            async with self._session.post(self.chance.choice(self.doors) + path, json=body) as answer:
                said = await answer.json()
                if answer.status == 200 and said.get("accepted", True):
                    return True
                reason = f"HTTP {answer.status} {said.get('reason', '')}".strip()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = type(error).__name__
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        return False
