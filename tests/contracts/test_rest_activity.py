"""The activity buffer over REST: its limits, its filters, its history."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from tests.embedded import Embedded, embedded, instance, until
from tests.rest_client import Rest, rest_client

MODEL = "m"
Scene = Callable[[Rest, Embedded], Awaitable[None]]


def play(scene: Scene, **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


async def submit(rest: Rest, agent: str, task_id: str, **about: Any) -> None:
    params = {"model_name": MODEL, **about}
    reply = await rest.post(f"/agents/{agent}/tasks", {"task_id": task_id, "params": params})
    assert (reply.status, reply.body["accepted"]) == (200, True)


async def metrics(rest: Rest) -> dict[str, float]:
    text = (await rest.get("/metrics")).body
    return {name: float(value) for name, value in re.findall(r"^(swarmpilot_activity\S*) (\S+)$", text, re.MULTILINE)}


def test_a_full_buffer_refuses_the_entry_and_not_the_task() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for task_id in ("one", "two"):
            await submit(rest, "a", task_id)
        full = (await rest.get("/agents/a/activity")).body
        assert [entry["task_id"] for entry in full["entries"]] == ["one"]
        assert (full["refused"], full["without_entry"]) == (1, ["two"])
        assert await metrics(rest) == {
            "swarmpilot_activity_entries": 1,
            "swarmpilot_activity_entries_limit": 10_000,
            "swarmpilot_activity_refusals": 1,
            "swarmpilot_activity_without_entry": 1,
            'swarmpilot_activity_nearly_full{limit="agent"}': 1,
            'swarmpilot_activity_nearly_full{limit="total"}': 0,
        }
        events = (await rest.get("/task/story", task_id="two")).body["events"]
        codes = [event["event"]["code"] for event in events if event["kind"] == "ActivityRefused"]
        assert set(codes) == {"activity_buffer_full"}
        async with instance(service, MODEL) as steered:
            steered.gate.set()
            await service.ended("two")

        async def room() -> bool | None:
            return (await metrics(rest))["swarmpilot_activity_entries"] == 0 or None

        await until(room, "room for everything")
        emptied = (await rest.get("/agents/a/activity")).body
        assert [entry["task_id"] for entry in emptied["entries"]] == ["one", "two"], "both have ended with an entry"
        assert (emptied["refused"], emptied["without_entry"]) == (1, [])

    play(scene, activity_per_agent=1)


def test_all_agents_together_have_a_limit() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for agent in ("a", "b", "c"):
            await submit(rest, agent, f"of-{agent}")
        refused = {agent: (await rest.get(f"/agents/{agent}/activity")).body["refused"] for agent in ("a", "b", "c")}
        assert refused == {"a": 0, "b": 0, "c": 1}

    play(scene, activity_total=2)
