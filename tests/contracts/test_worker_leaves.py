"""A worker whose agent is shut down: it finishes what it can within the grace, and goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from actors.addresses import Address
from actors.addresses import worker as worker_address
from actors.envelope import Envelope
from actors.messages import Answer, WorkerMessage
from actors.messages.answers import Refused, TaskTaken, WorkerAttached, WorkerLeaving
from actors.messages.scheduler import AttachWorker
from actors.messages.worker import LeaveAgent, StartTask
from swarmpilot import Task, Worker, WorkerContext
from swarmpilot.worker import worker as worker_module
from swarmpilot.worker.attachment import Attachment
from swarmpilot.worker.conversation import Conversation, Handle
from tests.embedded import DEADLINE_S, Embedded, embedded, until
from tests.rest_client import Rest, rest_client
from tests.scenarios.processes import Running
from tests.tcp_gate import TcpGate

ANOTHER = StartTask("u", 1, "a", "", b"{}", "application/json", b"{}", "ti", "q")


@asynccontextmanager
async def working(service: Embedded, function: Callable[..., Any], url: str = "") -> AsyncIterator[Worker]:
    worker = Worker("a", url=url or service.url, worker_id="w")
    worker.task(function)
    await worker.start()
    try:
        await worker.attached()
        yield worker
    finally:
        await worker.close()


async def submit(service: Embedded, **params: Any) -> None:
    async with rest_client(service.url) as rest:
        assert (await rest.post("/agents/a/tasks", {"task_id": "t", "params": params})).body["accepted"]


async def told(service: Embedded, message: WorkerMessage) -> Answer:
    return await service.service.edge.asker.ask(worker_address("w"), message)


def test_it_finishes_what_it_runs_and_takes_nothing_more() -> None:
    async def run() -> None:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def function(task: Task) -> dict[str, bool]:
            begun.set()
            await gate.wait()
            return {"ok": True}

        async with embedded() as service, working(service, function) as worker, rest_client(service.url) as rest:
            await submit(service)
            await begun.wait()
            assert await told(service, LeaveAgent("over", 60_000)) == WorkerLeaving(1)
            assert await told(service, LeaveAgent("over", 0)) == WorkerLeaving(1), "the first word counts"
            assert isinstance(await told(service, ANOTHER), Refused)
            row = await service.service.edge.reader.task("t")
            assert row is not None
            held = StartTask("t", 1, "a", "", b"{}", "application/json", b"{}", row.scheduled_ti, "q")
            assert await told(service, held) == TaskTaken("t", 1), "this it has already"
            gate.set()
            async with asyncio.timeout(DEADLINE_S):
                said = await worker.dismissed()
            assert said == "over"
            assert (await service.ended("t")).state == "completed"
            assert (await rest.get("/queue/info")).body["queues"] == []

    asyncio.run(run())


@pytest.mark.parametrize("grace_ms", [0, 50])
def test_what_has_not_ended_within_the_grace_is_left(grace_ms: int) -> None:
    async def run() -> str:
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def function(task: Task) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with embedded() as service, working(service, function) as worker:
            await submit(service)
            await begun.wait()
            await told(service, LeaveAgent("over", grace_ms))
            async with asyncio.timeout(DEADLINE_S):
                await cancelled.wait()
                return await worker.dismissed()

    assert "1 tasks had not ended" in asyncio.run(run())


def test_a_worker_that_is_served_ends_with_its_agent() -> None:
    async def run() -> None:
        async def function(task: Task) -> None:
            raise AssertionError("nothing is submitted")

        async with embedded() as service:
            worker = Worker("a", url=service.url, worker_id="w")
            worker.task(function)
            serving = asyncio.create_task(worker.serve())
            async with rest_client(service.url) as rest:

                async def known() -> bool | None:
                    return True if (await rest.get("/queue/info")).body["queues"] else None

                await until(known, "attached worker")
            assert await told(service, LeaveAgent("over", 0)) == WorkerLeaving(0)
            async with asyncio.timeout(DEADLINE_S):
                await serving

    asyncio.run(run())


@pytest.mark.parametrize("call", ["deaf", "stubborn"])
def test_its_process_ends_with_code_0_and_says_why_whatever_its_task_does(tmp_path: Path, call: str) -> None:
    async def run() -> tuple[int, str]:
        async with embedded() as service:
            function = f"tests.scenarios.worker_functions:{call}"
            command = ["worker", "--agent", "a", "--id", "w", "--call", function, "--url", service.url]
            running = Running(command, tmp_path / "worker.log")
            try:
                await submit(service, folder=str(tmp_path))

                async def begun() -> bool | None:
                    return True if (tmp_path / "steps-t").exists() else None

                await until(begun, "run of the task")
                await told(service, LeaveAgent("over", 0))
                return await asyncio.to_thread(running.process.wait, DEADLINE_S), running.printed
            finally:
                running.close()

    code, printed = asyncio.run(run())
    assert code == 0, printed
    assert "leaving: over; 1 tasks had not ended" in printed


def test_what_it_finishes_within_the_grace_counts_though_it_loses_its_connection() -> None:
    async def run() -> str:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def function(task: Task) -> dict[str, bool]:
            begun.set()
            await gate.wait()
            return {"ok": True}

        async with embedded() as service, rest_client(service.url) as rest:
            way = TcpGate("127.0.0.1", urlsplit(service.url).port or 0)
            way.open()
            async with working(service, function, f"http://127.0.0.1:{way.port}") as worker:
                await submit(service)
                await begun.wait()
                assert (await rest.post("/agents/a/shutdown", {"grace_period_s": 60})).body["ok"]

                async def leaves() -> bool | None:
                    agents = (await rest.get("/agents/a")).body
                    return True if [w["condition"] for w in agents["workers"]] == ["draining"] else None

                await until(leaves, "worker that leaves")
                way.reset()
                gate.set()
                ended = await service.ended("t")
                assert (ended.state, ended.attempt) == ("completed", 1)
                assert (await rest.get("/agents/a")).body["accepts_tasks"] is False, "it does not open the agent"
                async with asyncio.timeout(DEADLINE_S):
                    said = await worker.dismissed()
            way.shut()
            return said

    assert asyncio.run(run()) == "agent a is being shut down"


def test_what_gives_way_counts_though_it_is_told_over_a_later_connection() -> None:
    """To the scheduler, a worker on its way out that connects again is another; its runs are those of the first."""

    async def run() -> tuple[list[str], Any]:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def function(task: Task, ctx: WorkerContext) -> dict[str, int]:
            begun.set()
            await go_on.wait()
            await ctx.safe_point({"step": task.checkpoint.get("step", 0) + 1})
            return {"resumption": task.resumption, "step": task.checkpoint["step"]}

        async with embedded() as service, rest_client(service.url) as rest:

            async def conditions() -> list[str]:
                return [worker["condition"] for worker in (await rest.get("/agents/a")).body["workers"]]

            async def leaves() -> bool | None:
                return True if await conditions() == ["draining"] else None

            async def is_asked() -> bool | None:
                return True if "YieldHeard" in await kinds_of(rest, "t") else None

            async def has_given_way() -> bool | None:
                return True if (await rest.get("/task/query", task_id="t")).body["state"] == "suspended" else None

            way = TcpGate("127.0.0.1", urlsplit(service.url).port or 0)
            way.open()
            async with working(service, function, f"http://127.0.0.1:{way.port}") as worker:
                first = await worker.attached()
                await submit(service)
                await begun.wait()
                draining = asyncio.create_task(worker.drain())
                await until(leaves, "worker that leaves")
                way.reset()

                async def is_back() -> bool | None:
                    return True if await worker.attached() != first and await conditions() == ["draining"] else None

                await until(is_back, "worker that has come back to leave")
                assert (await rest.post("/agents/a/tasks/t/preempt", {})).body["enqueued"]
                await until(is_asked, "run that has heard")
                go_on.set()
                await until(has_given_way, "task that has given way")
                assert await draining
            way.shut()
            async with working(service, function):
                assert (await service.ended("t")).attempt == 1
            return await kinds_of(rest, "t"), json.loads(await service.result("t"))

    kinds, result = asyncio.run(run())
    assert "AttemptAbandoned" not in kinds
    assert result == {"resumption": 1, "step": 1}


async def kinds_of(rest: Rest, task_id: str) -> list[str]:
    """The kinds of the task's journal events, in order."""
    return [event["kind"] for event in (await rest.get("/task/story", task_id=task_id)).body["events"]]


def test_it_goes_though_the_scheduler_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "LAST_WORDS_S", 0.0)

    async def run() -> str:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def function(task: Task) -> None:
            begun.set()
            await gate.wait()

        async with AsyncExitStack() as both:
            async with embedded(drain_timeout_s=0) as service:
                worker = await both.enter_async_context(working(service, function))
                await submit(service)
                await begun.wait()
                await told(service, LeaveAgent("over", 60_000))
            gate.set()
            async with asyncio.timeout(DEADLINE_S):
                return await worker.dismissed()

    assert asyncio.run(run()) == "over"


class Losing:
    """Connects, takes the worker, and loses the connection; before it does so for the second time, `on_second`."""

    def __init__(self, on_second: Callable[[], None]) -> None:
        self.count = 0
        self._on_second = on_second

    @asynccontextmanager
    async def connected(self, handle: Handle) -> AsyncIterator[Conversation]:
        async def carry(envelope: Envelope, queue: str) -> None:
            await conversation.take(Envelope(envelope.id, Address("worker", "w"), WorkerAttached("ti", "a", 1)))
            conversation.end("lost")

        self.count += 1
        if self.count == 2:
            self._on_second()
        conversation = Conversation(Address("worker", "w"), carry, handle)
        yield conversation


def test_it_does_not_attach_again() -> None:
    def handle(message: WorkerMessage) -> Answer:
        raise AssertionError("nothing is asked")

    async def run() -> int:
        losing = Losing(lambda: attachment.come_back_only_while(lambda: False))
        attachment = Attachment(losing, AttachWorker("", "w", "a", 1, "i"), handle, lambda _: None)
        async with asyncio.timeout(DEADLINE_S):
            await attachment.keep()
        return losing.count

    assert asyncio.run(run()) == 2
