"""How agents are and how they are shut down, over REST and by the clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from swarmpilot import AsyncClient, RequestRefused
from swarmpilot.agents import AgentRecord
from tests.embedded import Embedded, embedded, instance, until
from tests.rest_client import Rest, rest_client

MODEL, AGENT = "m", "team/one"
Scene = Callable[[Rest, Embedded], Awaitable[None]]


def play(scene: Scene, **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


async def submit(rest: Rest, task_id: str, agent: str = AGENT) -> dict[str, Any]:
    body = {"task_id": task_id, "params": {"model_name": MODEL}}
    answer: dict[str, Any] = (await rest.post(f"/agents/{agent}/tasks", body)).body
    return answer


async def becomes(rest: Rest, state: str, code: str = "") -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        record: dict[str, Any] = (await rest.get(f"/agents/{AGENT}")).body
        return record if (record["state"], record["failure_code"]) == (state, code) else None

    return await until(look, f"agent that is {state} {code}")


def test_an_agent_of_which_nobody_has_heard_is_not_found() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        assert (await rest.get(f"/agents/{AGENT}")).status == 404
        assert (await rest.get("/agents")).body == {"agents": [], "more": False}
        assert (await rest.get("/agents/model:m")).status == 422
        assert (await rest.get("/agents", limit="0")).status == 422

    play(scene)


def test_an_agent_says_how_it_is_from_its_first_task_on() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "t1")
        await submit(rest, "t2")
        record = await becomes(rest, "initializing")
        assert record["cause"] == "task t1 was admitted"
        assert record["times_out_at"] == pytest.approx(record["since"] + 7.0)
        assert (record["slots"], record["running"], record["waiting"], record["workers"]) == (1, 0, 2, [])
        async with instance(service, MODEL) as steered:
            record = await becomes(rest, "running")
            assert (record["running"], record["waiting"], record["times_out_at"]) == (1, 1, None)
            steered.gate.set()
            await service.ended("t2")
            record = await becomes(rest, "runnable")
            assert (record["running"], record["waiting"]) == (0, 0)

    play(scene, agent_initializing_timeout_s=7.0)


def test_an_agent_has_failed_where_nobody_comes_and_has_not_when_somebody_does() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "t1")
        assert (await becomes(rest, "failed", "initializing_timeout"))["waiting"] == 1
        async with instance(service, MODEL) as steered:
            steered.gate.set()
            await service.ended("t1")
            await becomes(rest, "runnable")

    play(scene, agent_initializing_timeout_s=0.05)


def test_a_shutdown_without_a_grace_of_its_own_has_that_of_the_settings() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            await submit(rest, "t1")
            await submit(rest, "t2")
            await steered.has_started(1)
            assert (await rest.post(f"/agents/{AGENT}/shutdown", {})).body == {"ok": True}
            row = await service.ended("t1")
            assert (row.state, row.error_code) == ("failed", "agent_shutdown")
            assert "incomplete" in row.error
            record = await becomes(rest, "failed", "shutdown_timeout")
            assert (record["accepts_tasks"], record["waiting"], record["shutdown_until"]) == (False, 1, None)
            refused = await submit(rest, "t3")
            assert (refused["accepted"], refused["task_id"]) == (False, "t3")
            assert "shutting down" in refused["reason"]
            steered.gate.set()

    play(scene, agent_shutdown_grace_s=0.0)


def test_agents_are_listed_page_by_page() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for name in ("c", "a", "b"):
            await submit(rest, f"of-{name}", name)
        first = (await rest.get("/agents", limit="2")).body
        assert ([each["agent_id"] for each in first["agents"]], first["more"]) == (["a", "b"], True)
        rest_of_them = (await rest.get("/agents", after="b", limit="2")).body
        assert ([each["agent_id"] for each in rest_of_them["agents"]], rest_of_them["more"]) == (["c"], False)

    play(scene)


def test_the_client_has_the_same() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        names = [f"agent-{n:03}" for n in range(103)]
        for name in names:
            await submit(rest, f"of-{name}", name)
        async with AsyncClient(service.url) as client:
            assert [record.agent_id for record in await client.agents()] == names
            await submit(rest, "t")
            record = await client.agent(AGENT)
            assert isinstance(record, AgentRecord)
            assert (record.state, record.waiting, record.accepts_tasks) == ("initializing", 1, True)
            assert await client.shutdown_agent(AGENT, 0.0)
            assert not (await client.agent(AGENT)).accepts_tasks
            with pytest.raises(RequestRefused, match="not found"):
                await client.agent("nobody")

    play(scene)
