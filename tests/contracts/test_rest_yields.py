"""Reports of runs that gave way, over REST: what is answered where there is nobody to tell it to."""

from __future__ import annotations

from typing import Any

from tests.contracts.test_rest import MODEL, complete, completed, play, register
from tests.embedded import Embedded
from tests.rest_client import Reply, Rest
from tests.silent_instance import silent_instance


async def gave_way(rest: Rest, task_id: str, **fields: Any) -> Reply:
    body = {"task_id": task_id, "attempt": 1, "execution_time": 12.5, "checkpoint": {"step": 1}}
    return await rest.post("/notify/task_yielded", {**body, **fields})


def test_a_task_that_nobody_knows_is_a_warning() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await gave_way(rest, "nobody")
        assert (reply.status, reply.body) == (200, {"status": "warning", "message": "Task nobody not found"})

    play(scene)


def test_a_task_that_was_given_to_nobody_is_a_warning() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        await rest.post("/agents/w/tasks", {"task_id": "t"})
        reply = await gave_way(rest, "t")
        said = {"status": "warning", "message": "Task t has not been given to any TaskInstance"}
        assert (reply.status, reply.body) == (200, said)

    play(scene)


def test_a_task_that_is_only_meant_for_an_instance_has_not_been_given_to_it() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as silent:
            await register(rest, silent)
            await rest.submit(MODEL, {}, task_id="runs")
            await silent.next_push()
            await rest.submit(MODEL, {}, task_id="t")
            said = {"status": "warning", "message": "Task t has not been given to any TaskInstance"}
            assert (await gave_way(rest, "t")).body == said
            report = {"task_id": "t", "instance_id": "one", "execution_time": 1.0, "result": {"output": 1}}
            answer = (await rest.post("/notify/task_complete", report)).body
            assert {name: answer[name] for name in said} == said
            assert (await rest.get("/task/query", task_id="t")).body["state"] == "queued"

    play(scene)


def test_a_task_that_has_ended_keeps_its_end() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as silent:
            await register(rest, silent)
            await rest.submit(MODEL, {}, task_id="t")
            await complete(rest, "t", {"output": 1}, attempt=1)
            await completed(rest, "t")
            reply = await gave_way(rest, "t")
            assert (reply.status, reply.body) == (200, {"status": "success", "message": "Task t yield processed"})
            assert (await completed(rest, "t"))["result"] == {"output": 1}

    play(scene)
