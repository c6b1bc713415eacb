"""The activity buffer over REST: its limits, its filters, its history."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from actors.addresses import dispatcher
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import ReportProgress
from actors.messages.tasks import Activity
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


def short(page: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["task_id"], entry["status"]) for entry in page["entries"]]


def test_what_all_agents_are_at_and_were_at() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "a", "one", repo_id="r1", worktree_id="w", branch="b", description="d")
        await submit(rest, "b", "two", repo_id="r2")
        await rest.submit("nobody's", {})
        first, second = (await rest.get("/activity")).body["entries"]
        assert (first["task_id"], second["task_id"]) == ("one", "two")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("timestamp"))
        assert first == {
            "task_id": "one",
            "agent_id": "a",
            "repo_id": "r1",
            "worktree_id": "w",
            "branch": "b",
            "description": "d",
            "progress": None,
            "state": "queued",
            "status": "live",
            "change": 1,
        }
        async with instance(service, MODEL) as steered:
            steered.gate.set()
            for task_id in ("one", "two"):
                await service.ended(task_id)
        assert (await rest.get("/activity")).body == {"entries": [], "next": None}
        ended = (await rest.get("/activity/history")).body
        assert sorted(short(ended)) == [("one", "ended"), ("two", "ended")]
        assert {entry["state"] for entry in ended["entries"]} == {"completed"}
        await rest.post("/agents/a/activity/purge", {})
        assert short((await rest.get("/activity/history")).body) == [("two", "ended")]
        assert (await rest.get("/agents/b/activity")).body["entries"][0]["task_id"] == "two"

    play(scene)


def test_filters_and_pages() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for n in range(1, 6):
            await submit(rest, f"a{n % 2}", f"t{n}", repo_id=f"r{n % 2}", worktree_id=f"w{n}")
        for field, value, tasks in (
            ("agent_id", "a1", ["t1", "t3", "t5"]),
            ("repo_id", "r0", ["t2", "t4"]),
            ("worktree_id", "w3", ["t3"]),
            ("task_id", "t4", ["t4"]),
        ):
            page = (await rest.get("/activity", **{field: value})).body
            assert [entry["task_id"] for entry in page["entries"]] == tasks
            assert page["next"] is None
        assert (await rest.get("/activity", agent_id="a1", repo_id="r0")).body["entries"] == []
        pages = [(await rest.get("/activity", limit="2", agent_id="a1")).body]
        pages.append((await rest.get("/activity", limit="2", agent_id="a1", after=str(pages[0]["next"]))).body)
        assert [short(page) for page in pages] == [[("t1", "live"), ("t3", "live")], [("t5", "live")]]
        assert pages[1]["next"] is None
        async with instance(service, MODEL, capacity=5) as steered:
            steered.gate.set()
            for n in range(1, 6):
                await service.ended(f"t{n}")
        whole = short((await rest.get("/activity/history")).body)
        pages = [(await rest.get("/activity/history", limit="3")).body]
        pages.append((await rest.get("/activity/history", limit="3", before=str(pages[0]["next"]))).body)
        assert short(pages[0]) + short(pages[1]) == whole
        assert len(whole) == 5

    play(scene)


def test_what_cannot_be_asked_for() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for path in ("/activity", "/activity/history"):
            reply = await rest.get(path, limit="0", agent_id="", repo_id="x" * 256)
            assert reply.status == 422
            for part in (
                "field `limit`: must be greater than or equal to 1; got '0'",
                "field `agent_id`: must be 1 to 255 characters long; got ''",
                "field `repo_id`: must be 1 to 255 characters long; got 'xxx",
            ):
                assert part in reply.detail
            assert (await rest.get(path, limit="1001")).status == 422
        assert (await rest.get("/activity", after="-1")).status == 422
        assert (await rest.get("/activity/history", before="soon")).status == 422
        assert (await rest.get("/activity/stream", worktree_id="a\nb")).status == 422

    play(scene)


def test_what_a_worker_reports_is_shown() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "a", "one", repo_id="r", description="begin")
        async with instance(service, MODEL) as steered:
            await steered.has_started(1)
            row = await service.service.edge.reader.task("one")
            assert row is not None
            said = ReportProgress("one", 1, 0, "a", Activity(branch="b", description="half way"), 0.5, b'{"step":3}')
            answer = await service.service.edge.asker.ask(dispatcher(row.scheduled_ti), said)
            assert answer == ReportAnswered("one", counted=True)

            async def noted() -> dict[str, Any] | None:
                [entry] = (await rest.get("/activity")).body["entries"]
                return entry if entry["progress"] is not None else None

            entry = await until(noted, "progress")
            assert entry["progress"] == 0.5
            assert [entry[name] for name in ("repo_id", "branch", "description")] == ["r", "b", "half way"]
            checkpoint = await service.service.edge.reader.payload("one", "checkpoint")
            assert checkpoint is not None
            assert checkpoint.body == b'{"step":3}'
            kinds = [event["kind"] for event in (await rest.get("/task/story", task_id="one")).body["events"]]
            assert "ProgressNoted" in kinds
            [polled] = (await rest.get("/agents/a/activity")).body["entries"]
            assert polled["description"] == "half way"
            steered.gate.set()
            await service.ended("one")

    play(scene)
