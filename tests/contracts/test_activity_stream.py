"""The stream of activity: what is there, then what changes, resumed without loss or repetition, ended by a drain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from actors.activity_reader import ActivityFilter
from gateway import event_stream
from gateway.activity_feed import RECENT, ActivityFeed
from tests.embedded import Embedded, embedded, instance, until
from tests.rest_client import Event, Rest, rest_client

MODEL = "m"
STREAM = "/activity/stream"
Scene = Callable[[Rest, Embedded], Awaitable[None]]


def play(scene: Scene, **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


async def submit(rest: Rest, task_id: str, agent: str = "a", **about: Any) -> None:
    params = {"model_name": MODEL, **about}
    reply = await rest.post(f"/agents/{agent}/tasks", {"task_id": task_id, "params": params})
    assert (reply.status, reply.body["accepted"]) == (200, True)


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.data["task_id"]) for event in events if event.kind]


async def ended(rest: Rest, service: Embedded, *task_ids: str) -> None:
    """Run what has been submitted until these tasks have ended."""
    async with instance(service, MODEL) as steered:
        steered.gate.set()
        for task_id in task_ids:
            await service.ended(task_id)


async def follow(rest: Rest, after: int, upto: Callable[[Event], bool], **query: str) -> list[Event]:
    """What a new connection is told that goes on after this change, up to the event that is waited for."""
    found: list[Event] = []
    async with rest.events(STREAM, after, **query) as events:
        while True:
            event = await events.next()
            assert event is not None
            found.append(event)
            if upto(event):
                return found


def is_end_of(task_id: str) -> Callable[[Event], bool]:
    return lambda event: event.kind == "ended" and event.data["task_id"] == task_id


def test_first_what_is_there_then_what_changes() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "one", description="first")
        async with rest.events(STREAM) as events:
            [present, idle] = await events.until_idle()
            assert (present.kind, present.id) == ("live", present.data["change"])
            assert present.data | {"timestamp": "", "change": 0} == {
                "task_id": "one",
                "agent_id": "a",
                "repo_id": "",
                "worktree_id": "",
                "branch": "",
                "description": "first",
                "progress": None,
                "state": "queued",
                "status": "live",
                "timestamp": "",
                "change": 0,
            }
            assert idle.id == present.id
            await ended(rest, service, "one")
            seen = [await events.next()]
            while seen[-1] is not None and seen[-1].kind != "ended":
                seen.append(await events.next())
            assert [event.data["task_id"] for event in seen if event] == ["one"] * len(seen)
            assert seen[-1] is not None
            assert (seen[-1].data["state"], seen[-1].data["status"]) == ("completed", "ended")
            await rest.post("/agents/a/activity/purge", {})
            purged = await events.next()
            assert purged is not None
            assert (purged.kind, purged.data["task_id"], purged.data["description"]) == ("purged", "one", "")

    play(scene)


def test_filters_hold_for_what_is_there_and_for_what_comes() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for task_id, repo in (("one", "r1"), ("two", "r2")):
            await submit(rest, task_id, repo_id=repo)
        async with rest.events(STREAM, repo_id="r2") as events:
            assert told(await events.until_idle()) == [("live", "two")]
            for task_id, repo in (("three", "r1"), ("four", "r2")):
                await submit(rest, task_id, repo_id=repo)
            event = await events.next()
            assert event is not None
            assert event.data["task_id"] == "four"

    play(scene)


def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for task_id in ("one", "two", "three"):
            await submit(rest, task_id)
        async with rest.events(STREAM) as events:
            first = await events.next()
            assert first is not None
            assert first.id is not None
        await ended(rest, service, "one", "two", "three")
        await submit(rest, "four", model_name="nobody runs it")
        seen = await follow(rest, first.id, lambda event: event.kind == "live" and event.data["task_id"] == "four")
        assert sorted(told(seen)) == [("ended", "one"), ("ended", "three"), ("ended", "two"), ("live", "four")]
        numbers = [event.id for event in seen]
        assert numbers == sorted(numbers, key=lambda number: number or 0)
        async with rest.events(STREAM, seen[-1].id) as events:
            await submit(rest, "five", model_name="nobody runs it")
            event = await events.next()
            assert event is not None
            assert event.data["task_id"] == "five"

    play(scene)


def test_the_number_of_another_store_begins_anew() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "one")
        async with rest.events(STREAM, 1_000_000) as events:
            reset, present, idle = await events.until_idle()
            assert (reset.kind, reset.id, reset.data) == ("reset", None, {})
            assert (present.data["task_id"], present.id) == ("one", idle.id)

    play(scene)


def test_so_does_a_number_from_before_the_history_begins() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "first")
        names = [f"t{n:03}" for n in range(210)]
        for task_id in names:
            await submit(rest, task_id, agent="b")
        await ended(rest, service, "first", *names)
        assert service.service.edge.activity is not None
        assert service.service.edge.activity.reader.forgotten_activity_change() > 0
        async with rest.events(STREAM, 1) as events:
            assert [event.kind for event in await events.until_idle()] == ["reset", ""]

    play(scene, activity_history=100, activity_per_agent=1000, agent_slots=1000)


@pytest.mark.parametrize("number", ["x", "-1", "1.0", "", "9" * 19, "1" * 5000])
def test_a_number_that_is_none(number: str) -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.ask("GET", STREAM, headers={"Last-Event-ID": number})
        assert reply.status == 422
        assert reply.detail.startswith("field `Last-Event-ID`: must be an integer from 0 to 9223372036854775807; got '")

    play(scene)


def test_streams_are_bounded_and_come_free_when_their_client_leaves() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with AsyncExitStack() as open_ones:
            for _ in range(2):
                events = await open_ones.enter_async_context(rest.events(STREAM))
                await events.next()
            refused = await rest.get(STREAM)
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert "2 streams of activity are open" in refused.detail

        async def let_in() -> bool | None:
            async with rest.session.get(rest.url + STREAM) as response:
                return response.status == 200 or None

        await until(let_in, "room for another stream")

    play(scene, activity_streams=2)


def test_a_drain_ends_the_streams_and_lets_no_new_one_begin() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with rest.events(STREAM) as events:
            await events.next()
            service.service.begin_drain()
            assert await events.next() is None
        refused = await rest.get(STREAM)
        assert (refused.status, refused.detail) == (503, "The service is being stopped; try again")

    play(scene)


def test_where_nothing_happens_a_comment_shows_that_the_stream_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.01)

    async def scene(rest: Rest, service: Embedded) -> None:
        await submit(rest, "one", repo_id="r")
        async with rest.events(STREAM, repo_id="else") as events:
            idle = [await events.next() for _ in range(3)]
            assert idle == [Event("", 1, None)] * 3

    play(scene)


def test_a_reader_that_is_far_behind_is_told_from_the_store() -> None:
    """More changes than are kept in memory, while a follower takes nothing."""

    async def scene(rest: Rest, service: Embedded) -> None:
        feed = service.service.edge.activity
        assert isinstance(feed, ActivityFeed)
        stream = feed.open(ActivityFilter(), None)
        batches = stream.batches(30.0)
        assert (await anext(batches)).position == 0
        names = [f"t{n}" for n in range(RECENT + 300)]
        tasks = [{"task_input": {}, "task_id": name, "metadata": {"agent_id": "a"}} for name in names]
        for start in range(0, len(tasks), 500):
            await rest.post("/queue/submit_batch", {"model_name": MODEL, "tasks": tasks[start : start + 500]})
        missing = set(names)
        while missing:
            batch = await anext(batches)
            assert len(batch.rows) <= RECENT
            missing -= {row.task_id for row in batch.rows}
        stream.close()

    async def with_instance(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL):
            await scene(rest, service)

    play(with_instance, activity_per_agent=10_000)
