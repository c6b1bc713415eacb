"""Tasks on TaskInstances over HTTP give way to more important ones, end to end, on the whole service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from swarmpilot import AsyncClient, Client, RequestRefused, TaskContext, TaskInstance, TaskNotFound
from tests.embedded import DEADLINE_S, Embedded, embedded, until

MODEL = "m"


class Stepping:
    """Work that makes a step whenever the test lets it, with a safe point after each.

    `done` has each step made, as (task, step); `contexts` the context of each run.
    """

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.contexts: list[TaskContext] = []
        self._allowed: dict[str, asyncio.Semaphore] = {}
        self._at_rest: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def work(self, task_input: dict[str, Any], context: TaskContext) -> dict[str, Any]:
        self.contexts.append(context)
        allowed = self._allowed.setdefault(context.task_id, asyncio.Semaphore(0))
        for step in range(context.checkpoint.get("step", 0), task_input["steps"]):
            self._at_rest.put_nowait((context.task_id, step))
            await allowed.acquire()
            self.done.append((context.task_id, step))
            await context.safe_point({"step": step + 1})
        return {"steps": task_input["steps"]}

    async def before(self, task_id: str, step: int) -> None:
        """Return once the task is about to make this step."""
        async with asyncio.timeout(DEADLINE_S):
            while await self._at_rest.get() != (task_id, step):
                pass

    def allow(self, task_id: str, steps: int = 1) -> None:
        """Let the task make so many more."""
        for _ in range(steps):
            self._allowed.setdefault(task_id, asyncio.Semaphore(0)).release()


@asynccontextmanager
async def stepping(service: Embedded, *, preemptible: bool = True) -> AsyncIterator[Stepping]:
    """A registered instance that runs one task at a time, step by step."""
    work = Stepping()
    server = TaskInstance(MODEL, work.work, scheduler=service.url, preemptible=preemptible)
    await server.start()
    try:
        await server.joined()
        yield work
    finally:
        await server.close()


async def is_asked(work: Stepping) -> None:
    """Return once the newest run has been asked to give way."""

    async def look() -> bool | None:
        return work.contexts[-1].preempt_requested or None

    await until(look, "request to give way")


def play(scene: Callable[[Embedded, AsyncClient], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, AsyncClient(service.url) as client:
            await scene(service, client)

    asyncio.run(run())


def test_a_less_important_task_gives_way_and_goes_on_where_it_stopped() -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service) as work:
            await client.submit(MODEL, {"steps": 3}, task_id="slow", priority="low")
            work.allow("slow")
            await work.before("slow", 1)
            await client.submit(MODEL, {"steps": 1}, task_id="urgent", priority="high")
            await is_asked(work)
            assert (await client.query("slow")).state == "preempting"
            work.allow("slow")
            await work.before("urgent", 0)
            assert (await client.query("slow")).state == "suspended"
            work.allow("urgent")
            await work.before("slow", 2)
            work.allow("slow")
            assert await client.result("slow", DEADLINE_S) == {"steps": 3}
            record = await client.query("slow")
            assert (record.state, record.attempt) == ("completed", 1)
            assert work.done == [("slow", 0), ("slow", 1), ("urgent", 0), ("slow", 2)]
            slow = [context for context in work.contexts if context.task_id == "slow"]
            assert [(c.attempt, c.resumption, c.checkpoint) for c in slow] == [(1, 0, {}), (1, 1, {"step": 2})]

    play(scene)


def test_a_task_that_gives_way_three_times_makes_each_step_once() -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service) as work:
            await client.submit(MODEL, {"steps": 4}, task_id="slow")
            for step in range(3):
                await work.before("slow", step)
                assert await client.preempt("slow")
                await is_asked(work)
                work.allow("slow")
            await work.before("slow", 3)
            work.allow("slow")
            assert await client.result("slow", DEADLINE_S) == {"steps": 4}
            assert work.done == [("slow", step) for step in range(4)]
            runs = [(context.attempt, context.resumption, context.checkpoint) for context in work.contexts]
            assert runs == [(1, 0, {}), (1, 1, {"step": 1}), (1, 2, {"step": 2}), (1, 3, {"step": 3})]

    play(scene)


def test_a_task_gives_way_because_somebody_asked_for_it_by_name() -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service) as work:
            await client.submit(MODEL, {"steps": 2}, task_id="a/b c?", priority="high")
            await work.before("a/b c?", 0)
            assert await client.preempt("a/b c?", "maintenance", grace_s=600)
            await is_asked(work)
            assert work.contexts[0].preempt_reason == "maintenance"
            story = await service.service.edge.reader.story("a/b c?")
            assert [json.loads(e.body)["grace_s"] for e in story if e.kind == "PreemptionBegan"] == [600.0]
            work.allow("a/b c?", 2)
            assert await client.result("a/b c?", DEADLINE_S) == {"steps": 2}
            assert [context.resumption for context in work.contexts] == [0, 1]

            with Client(service.url) as other:
                assert not await asyncio.to_thread(other.preempt, "a/b c?")
                with pytest.raises(TaskNotFound):
                    await asyncio.to_thread(other.preempt, "nobody")

    play(scene)


@pytest.mark.parametrize("grace_s", [-1, 1e9])
def test_a_grace_that_is_none_is_refused_with_field_rule_and_value(grace_s: float) -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service) as work:
            await client.submit(MODEL, {"steps": 1}, task_id="t")
            await work.before("t", 0)
            with pytest.raises(RequestRefused, match=rf"field `grace_s`: must be .*; got {grace_s}"):
                await client.preempt("t", grace_s=grace_s)
            assert not work.contexts[0].preempt_requested

    play(scene)


def test_tasks_whose_scopes_overlap_wait_and_the_record_says_behind_whom() -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service) as work:
            await client.submit(MODEL, {"steps": 1}, task_id="first", scope="repo.docs")
            await work.before("first", 0)
            await client.submit(MODEL, {"steps": 1}, task_id="second", scope="repo.*, tools")
            assert "first" in (await client.query("second")).reason
            work.allow("first")
            work.allow("second")
            assert await client.result("second", DEADLINE_S) == {"steps": 1}
            assert (await client.query("second")).reason == ""

    play(scene)


def test_a_task_that_does_not_listen_is_told_for_the_last_time_and_then_stopped() -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service) as work:
            await client.submit(MODEL, {"steps": 3}, task_id="deaf", priority="low")
            await work.before("deaf", 0)
            await client.submit(MODEL, {"steps": 1}, task_id="urgent", priority="high")
            work.allow("urgent")
            await client.result("urgent", DEADLINE_S)
            assert work.contexts[0].terminate_requested
            record = await client.wait("deaf", DEADLINE_S)
            assert record.state == "failed"
            assert record.error_code == "forced_preemption"
            assert ("deaf", 0) not in work.done

    play(scene, preempt_grace_s=0.05, terminate_grace_s=0.05)


def test_a_task_of_an_instance_that_cannot_be_asked_runs_to_its_end() -> None:
    async def scene(service: Embedded, client: AsyncClient) -> None:
        async with stepping(service, preemptible=False) as work:
            await client.submit(MODEL, {"steps": 1}, task_id="slow", priority="low")
            await work.before("slow", 0)
            await client.submit(MODEL, {"steps": 1}, task_id="urgent", priority="high")
            work.allow("urgent")
            work.allow("slow")
            assert await client.result("urgent", DEADLINE_S) == {"steps": 1}
            assert await client.result("slow", DEADLINE_S) == {"steps": 1}
            assert work.done == [("slow", 0), ("urgent", 0)]
            assert not any(context.preempt_requested for context in work.contexts)

    play(scene, preempt_grace_s=0.0, terminate_grace_s=0.0)
