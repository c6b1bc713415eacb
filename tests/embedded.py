"""The whole service in this process, on free ports and a store in memory, with instances that tests steer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from actors.settings import Settings
from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL
from gateway.app import build_app
from gateway.service import Service
from swarmpilot import TaskInstance
from tests.serving import serving

T = TypeVar("T")

DEADLINE_S = 30.0
LOOK_AGAIN_S = 0.01


async def until(look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """The first thing found that is not None. Fails where nothing was found in 30 s."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while (found := await look()) is None:  # noqa: ASYNC110 - the store gives no signal
                await asyncio.sleep(LOOK_AGAIN_S)
            return found
    except TimeoutError:
        raise AssertionError(f"in {DEADLINE_S:g} s there was no {what}") from None


class Embedded:
    """A running service: `grpc_port` and `url` are how clients reach it."""

    def __init__(self, service: Service, url: str) -> None:
        self.service = service
        self.url = url
        assert service.grpc_port is not None
        self.grpc_port = service.grpc_port

    async def ended(self, task_id: str) -> TaskRow:
        """The task's row, once it has ended."""

        async def look() -> TaskRow | None:
            row = await self.service.edge.reader.task(task_id)
            return row if row is not None and row.state in TERMINAL else None

        return await until(look, f"end of {task_id}")

    async def result(self, task_id: str) -> bytes:
        """The result of an ended task, as JSON text."""
        payload = await self.service.edge.reader.payload(task_id, "result")
        assert payload is not None, f"{task_id} has no result"
        return payload.body


class Steered:
    """What an instance does with its tasks: it starts them, and ends each when `gate` is open.

    `started` lists the inputs in the order in which they were started.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.started: list[dict[str, Any]] = []
        self.running = 0
        self.most_running = 0

    async def work(self, task_input: dict[str, Any]) -> dict[str, Any]:
        self.started.append(task_input)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.gate.wait()
        self.running -= 1
        return {"did": task_input}

    async def has_started(self, count: int) -> None:
        """Return once `count` tasks have been started."""

        async def look() -> bool | None:
            return True if len(self.started) >= count else None

        await until(look, f"start of {count} tasks")


@asynccontextmanager
async def embedded(**settings: Any) -> AsyncIterator[Embedded]:
    """A service that serves REST and gRPC until the block ends."""
    service = Service(Settings(store="sqlite://", host="127.0.0.1", grpc_port=0, **settings))
    await service.start()
    try:
        async with serving(build_app(service.edge)) as url:
            yield Embedded(service, url)
    finally:
        await service.stop()


@asynccontextmanager
async def instance(scheduler: Embedded, model: str, *, capacity: int = 1) -> AsyncIterator[Steered]:
    """A registered TaskInstance of this model, whose tasks wait for its gate."""
    steered = Steered()
    server = TaskInstance(model, steered.work, scheduler=scheduler.url, capacity=capacity)
    await server.start()
    try:
        await server.joined()
        yield steered
    finally:
        await server.close()
