"""`swarmpilot.v1.ActivityService` as clients generated from its .proto know it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from protos import activity_pb2 as pb
from protos import activity_pb2_grpc
from protos import scheduler_pb2 as sw4rm
from tests.embedded import Embedded, embedded, instance, until
from tests.grpc_client import Client, connected

AGENT = "worker-1"
Change = pb.ActivityChange
Scene = Callable[[Embedded, Client, Any], Awaitable[None]]


def play(scene: Scene, **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as scheduler, connected(scheduler.grpc_port) as client:
            stub: Any = activity_pb2_grpc.ActivityServiceStub(client.channel)  # type: ignore[no-untyped-call]
            await scene(scheduler, client, stub)

    asyncio.run(run())


async def submit(client: Client, task_id: str, params: bytes = b"{}", agent: str = AGENT) -> None:
    request = sw4rm.SubmitTaskRequest(agent_id=agent, task_id=task_id, params=params)
    assert (await client.stub.SubmitTask(request)).accepted


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value.code(), failed.value.details() or ""


async def next_of(call: Any) -> Any:
    async with asyncio.timeout(30):
        return await call.read()


def test_a_page_is_no_larger_than_what_a_client_takes() -> None:
    described = json.dumps({"description": "\N{GEAR}\N{VARIATION SELECTOR-16}" * 2000}).encode()
    names = [f"t{number}" for number in range(400)]

    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        await asyncio.gather(*(submit(client, name, described) for name in names))
        found, after = [], 0
        while True:
            page = await stub.ListActivity(pb.ListActivityRequest(limit=1000, after=after))
            found += [entry.task_id for entry in page.entries]
            after = page.next
            if not after:
                break
        assert sorted(found) == sorted(names)

    play(scene, activity_per_agent=len(names))


def test_entries_with_filters_and_pages() -> None:
    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        about = b'{"repo_id": "r", "worktree_id": "w", "branch": "b", "description": "d"}'
        await submit(client, "one", about)
        await submit(client, "two")
        await submit(client, "three", agent="other")
        listed = await stub.ListActivity(pb.ListActivityRequest(filter=pb.ActivityFilter(agent_id=AGENT)))
        assert [entry.task_id for entry in listed.entries] == ["one", "two"]
        assert listed.next == 0
        entry = listed.entries[0]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.timestamp)
        assert not entry.HasField("progress")
        assert entry == pb.ActivityRecord(
            task_id="one",
            agent_id=AGENT,
            repo_id="r",
            worktree_id="w",
            branch="b",
            description="d",
            state="queued",
            timestamp=entry.timestamp,
            change=1,
        )
        first = await stub.ListActivity(pb.ListActivityRequest(limit=2))
        rest = await stub.ListActivity(pb.ListActivityRequest(limit=2, after=first.next))
        assert [entry.task_id for entry in [*first.entries, *rest.entries]] == ["one", "two", "three"]
        for field, value in {"repo_id": "r", "worktree_id": "w", "task_id": "one"}.items():
            only = await stub.ListActivity(pb.ListActivityRequest(filter=pb.ActivityFilter(**{field: value})))
            assert [entry.task_id for entry in only.entries] == ["one"], field

    play(scene)


def test_the_history_newest_first() -> None:
    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        async with instance(scheduler, AGENT) as steered:
            steered.gate.set()
            for task_id in ("one", "two", "three"):
                await submit(client, task_id)
                await scheduler.ended(task_id)
        first = await stub.ListActivityHistory(pb.ListActivityHistoryRequest(limit=2))
        rest = await stub.ListActivityHistory(pb.ListActivityHistoryRequest(limit=2, before=first.next))
        assert [entry.task_id for entry in [*first.entries, *rest.entries]] == ["three", "two", "one"]
        assert first.entries[0].state == "completed"
        await client.stub.PurgeActivity(sw4rm.PurgeActivityRequest(agent_id=AGENT, task_ids=["two"]))
        left = await stub.ListActivityHistory(pb.ListActivityHistoryRequest(filter=pb.ActivityFilter(agent_id=AGENT)))
        assert [entry.task_id for entry in left.entries] == ["three", "one"]

    play(scene)


def test_watching_from_what_is_there_to_what_changes_and_again_later() -> None:
    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        await submit(client, "one")
        watching = stub.WatchActivity(pb.WatchActivityRequest(filter=pb.ActivityFilter(agent_id=AGENT)))
        present, idle = await next_of(watching), await next_of(watching)
        assert (present.kind, present.entry.task_id, present.change) == (Change.LIVE, "one", 1)
        assert (idle.kind, idle.change, idle.HasField("entry")) == (Change.POSITION, 1, False)
        await submit(client, "else", agent="other")
        await submit(client, "two")
        changed = await next_of(watching)
        assert (changed.kind, changed.entry.task_id) == (Change.LIVE, "two")
        watching.cancel()
        async with instance(scheduler, AGENT) as steered:
            steered.gate.set()
            for task_id in ("one", "two"):
                await scheduler.ended(task_id)
        await client.stub.PurgeActivity(sw4rm.PurgeActivityRequest(agent_id=AGENT, task_ids=["one"]))
        again = stub.WatchActivity(pb.WatchActivityRequest(after=changed.change))
        seen = [await next_of(again), await next_of(again)]
        assert sorted((change.kind, change.entry.task_id) for change in seen) == [
            (Change.ENDED, "two"),
            (Change.PURGED, "one"),
        ]
        again.cancel()

    play(scene)


def test_a_change_of_another_store_begins_anew() -> None:
    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        await submit(client, "one")
        watching = stub.WatchActivity(pb.WatchActivityRequest(after=1_000_000))
        kinds = [(await next_of(watching)).kind for _ in range(3)]
        assert kinds == [Change.RESET, Change.LIVE, Change.POSITION]
        watching.cancel()

    play(scene)


def test_what_cannot_be_asked_for() -> None:
    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        for call, text in (
            (stub.ListActivity(pb.ListActivityRequest(limit=1001)), "field `limit`: must be an integer from 0 to 1000"),
            (stub.ListActivityHistory(pb.ListActivityHistoryRequest(before=-1)), "field `before`: must be an integer"),
            (
                stub.ListActivity(pb.ListActivityRequest(filter=pb.ActivityFilter(repo_id="a\nb"))),
                "field `filter.repo_id`: must not contain control characters",
            ),
            (stub.WatchActivity(pb.WatchActivityRequest(after=-1)).read(), "field `after`: must be an integer from 0"),
        ):
            code, details = await refused(call)
            assert code == invalid
            assert details.startswith(text)

    play(scene)


def test_watchers_are_bounded_and_end_with_a_drain() -> None:
    async def scene(scheduler: Embedded, client: Client, stub: Any) -> None:
        watching = stub.WatchActivity(pb.WatchActivityRequest())
        assert (await next_of(watching)).kind == Change.POSITION
        code, details = await refused(stub.WatchActivity(pb.WatchActivityRequest()).read())
        assert (code, details[:9]) == (grpc.StatusCode.UNAVAILABLE, "1 streams")
        watching.cancel()

        async def let_in() -> Any:
            call = stub.WatchActivity(pb.WatchActivityRequest())
            try:
                await next_of(call)
            except grpc.aio.AioRpcError:
                return None
            return call

        let = await until(let_in, "room for another watcher")
        scheduler.service.begin_drain()
        code, _ = await refused(next_of(let))
        assert code == grpc.StatusCode.UNAVAILABLE

    play(scene, activity_streams=1)
