"""Both clients on the activity of a running service: lists, history, and following it over lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from swarmpilot import AsyncClient, Client, Task, Worker, WorkerContext
from swarmpilot.activity import ActivityChange
from swarmpilot.errors import RequestRefused, SchedulerUnavailable, SchedulerUnreachable
from tests.embedded import Embedded, embedded, instance
from tests.rest_client import Rest, rest_client

MODEL = "m"
Scene = Callable[[Rest, Embedded], Awaitable[None]]


def play(scene: Scene, **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


async def submit(rest: Rest, task_id: str, agent: str = "a", **about: str) -> None:
    params = {"model_name": MODEL, **about}
    assert (await rest.post(f"/agents/{agent}/tasks", {"task_id": task_id, "params": params})).body["accepted"]


async def next_of(changes: Iterator[ActivityChange]) -> ActivityChange:
    async with asyncio.timeout(30):
        return await asyncio.to_thread(next, changes)


def test_lists_and_history() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "one", repo_id="r", description="d")
        await submit(rest, "two", agent="b")
        client = Client(service.url)
        async with AsyncClient(service.url) as other:
            entries = await other.activity()
            assert [(entry.task_id, entry.state, entry.progress) for entry in entries] == [
                ("one", "queued", None),
                ("two", "queued", None),
            ]
            assert await asyncio.to_thread(client.activity) == entries
            assert await asyncio.to_thread(client.activity, limit=1) == entries[:1]
            assert (
                await other.activity(repo_id="r")
                == await asyncio.to_thread(client.activity, repo_id="r")
                == entries[:1]
            )
            async with instance(service, MODEL) as steered:
                steered.gate.set()
                for task_id in ("one", "two"):
                    await service.ended(task_id)
            ended = await other.activity(history=True)
            assert sorted(entry.task_id for entry in ended) == ["one", "two"]
            assert await asyncio.to_thread(client.activity, history=True, agent_id="b") == [
                entry for entry in ended if entry.task_id == "two"
            ]
            with pytest.raises(RequestRefused, match="agent_id"):
                await other.activity(agent_id="x" * 300)

    play(scene)


def test_following() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "one")
        client = Client(service.url)
        mine = client.follow_activity(agent_id="a")
        async with AsyncClient(service.url) as other:
            theirs = other.follow_activity(agent_id="a")
            first = await next_of(mine)
            assert first == await anext(theirs)
            assert (first.kind, first.entry and first.entry.task_id) == ("live", "one")
            await submit(rest, "else", agent="b")
            await submit(rest, "two")
            second = await next_of(mine)
            assert second == await anext(theirs)
            assert second.entry is not None
            assert second.entry.task_id == "two"
            again = client.follow_activity(after=second.entry.change - 1)
            assert (await next_of(again)).entry == second.entry
            service.service.begin_drain()
            for change in (next_of(mine), anext(theirs)):
                with pytest.raises((SchedulerUnreachable, SchedulerUnavailable)):
                    await change

    play(scene)


def test_what_a_worker_says_is_followed_to_the_end_of_its_task() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        go_on = asyncio.Event()

        async def function(task: Task, ctx: WorkerContext) -> None:
            ctx.activity(description="half way", worktree_id="wt")
            ctx.progress(0.5)
            await go_on.wait()

        worker = Worker("a", url=service.url)
        worker.task(function)
        await worker.start()
        try:
            await worker.attached()
            await submit(rest, "one", repo_id="r", description="begun")
            async with AsyncClient(service.url) as client, asyncio.timeout(30):
                said = []
                async for change in client.follow_activity(repo_id="r"):
                    assert change.entry is not None
                    said.append((change.kind, change.entry.state, change.entry.progress, change.entry.description))
                    if change.entry.progress is not None:
                        assert change.entry.worktree_id == "wt"
                        go_on.set()
                    if change.kind == "ended":
                        break
            assert said[0][2:] == (None, "begun")
            assert said[-2:] == [("live", "running", 0.5, "half way"), ("ended", "completed", 0.5, "half way")]
        finally:
            await worker.close()

    play(scene)
