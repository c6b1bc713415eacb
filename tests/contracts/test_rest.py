"""The guide's seven endpoints, to the letter, on the whole service with real TaskInstances over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from tests.embedded import Embedded, embedded, until
from tests.rest_client import Reply, Rest, rest_client
from tests.silent_instance import SilentInstance, silent_instance

Scene = Callable[[Rest, Embedded], Awaitable[None]]
MODEL = "gpt-3.5-turbo"
HOST = "127.0.0.1"


def play(scene: Scene, **settings: Any) -> None:
    """Run the scene with a client of a fresh service."""

    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


async def register(rest: Rest, instance: SilentInstance, model: str = MODEL) -> str:
    """Register the instance; its ti_uuid."""
    reply = await rest.post("/ti/register", {"host": HOST, "port": instance.port, "model_name": model})
    assert reply.body["status"] == "success", reply
    return str(reply.body["ti_uuid"])


async def complete(rest: Rest, task_id: str, result: Any, **fields: Any) -> Reply:
    body = {"task_id": task_id, "instance_id": "worker1-instance", "execution_time": 125.5, "result": result}
    return await rest.post("/notify/task_complete", {**body, **fields})


async def record(rest: Rest, task_id: str) -> dict[str, Any]:
    reply = await rest.get("/task/query", task_id=task_id)
    assert reply.status == 200, reply
    return dict(reply.body)


async def completed(rest: Rest, task_id: str) -> dict[str, Any]:
    """The record, once the guide's clients see the end."""

    async def look() -> dict[str, Any] | None:
        found = await record(rest, task_id)
        return found if found["task_status"] == "completed" else None

    return await until(look, f"end of {task_id}")


def test_health() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.get("/health")
        assert reply.status == 200
        expected = {"status": "healthy", "service": "scheduler", "version": "2.0.0"}
        assert expected.items() <= reply.body.items()
        assert (reply.body["priority_order"], reply.body["broker"]) == ("importance", None)

    play(scene)


def test_an_instance_is_registered_and_removed() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as instance:
            where = {"host": HOST, "port": instance.port}
            reply = await rest.post("/ti/register", {**where, "model_name": MODEL})
            ti_uuid = reply.body["ti_uuid"]
            assert UUID(ti_uuid)
            assert (reply.status, reply.body) == (
                200,
                {
                    "status": "success",
                    "message": f"TaskInstance registered successfully for model {MODEL}",
                    "ti_uuid": ti_uuid,
                },
            )
            again = await rest.post("/ti/register", {**where, "model_name": MODEL})
            assert again.body["ti_uuid"] == ti_uuid
            removed = await rest.post("/ti/remove", where)
            assert (removed.status, removed.body) == (
                200,
                {
                    "status": "success",
                    "message": "TaskInstance removed successfully",
                    **where,
                    "ti_uuid": ti_uuid,
                },
            )
            gone = await rest.post("/ti/remove", where)
            assert (gone.status, gone.body) == (
                200,
                {
                    "status": "error",
                    "message": f"TaskInstance at {HOST}:{instance.port} not found",
                    **where,
                    "ti_uuid": None,
                },
            )

    play(scene)


def test_an_instance_that_cannot_be_reached_is_not_registered() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as instance:
            port = instance.port
        reply = await rest.post("/ti/register", {"host": HOST, "port": port, "model_name": MODEL})
        error = {"status": "error", "message": "Connection failed: Unable to reach host", "ti_uuid": ""}
        assert (reply.status, reply.body) == (200, error)
        assert (await rest.get("/queue/info")).body["queues"] == []

    play(scene)


def test_what_answers_but_is_no_instance_is_not_registered_and_the_registration_says_so() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.post(
            "/ti/register", {"host": HOST, "port": int(rest.url.rpartition(":")[2]), "model_name": MODEL}
        )
        assert (reply.status, reply.body["status"], reply.body["ti_uuid"]) == (200, "error", "")
        assert reply.body["message"].startswith("Connection failed: not a TaskInstance: GET /info answered 404")

    play(scene)


def test_model_and_capacity_come_from_the_instance_where_the_registration_does_not_say() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance("llama", replicas=3) as told, silent_instance("llama", replicas=3) as given:
            await rest.post("/ti/register", {"host": HOST, "port": told.port})
            await rest.post("/ti/register", {"host": HOST, "port": given.port, "capacity": 7})
            queues = (await rest.get("/queue/info")).body["queues"]
            assert {(q["port"], q["model_name"], q["capacity"]) for q in queues} == {
                (told.port, "llama", 3),
                (given.port, "llama", 7),
            }
        async with silent_instance() as nameless:
            reply = await rest.post("/ti/register", {"host": HOST, "port": nameless.port})
            assert (reply.body["status"], reply.body["ti_uuid"]) == ("error", "")
            assert "model_name" in reply.body["message"]

    play(scene)


def test_a_task_from_submit_to_result() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as instance:
            ti_uuid = await register(rest, instance)
            before = time.time()
            task_input = {"prompt": "Explain quantum computing", "temperature": 0.7, "big": 2**80}
            reply = await rest.submit(MODEL, task_input, metadata={"user_id": "user123", "priority": "high"})
            task_id = reply.body["task_id"]
            assert (reply.status, reply.body) == (
                200,
                {"status": "success", "task_id": task_id, "scheduled_ti": ti_uuid},
            )
            pushed = await instance.next_push()
            assert (pushed["task_id"], pushed["model_name"], pushed["task_input"]) == (task_id, MODEL, task_input)
            running = await record(rest, task_id)
            assert (running["task_status"], running["result"]) == ("scheduled", None)

            result = {"output": "Quantum…", "status": "success", "nested": {"a": [1, 2.5, None]}}
            told = await complete(rest, task_id, result)
            assert (told.status, told.body["status"]) == (200, "success")
            assert told.body["message"] == f"Task {task_id} completion processed"
            assert 0 < told.body["total_time_ms"] < (time.time() - before + 1) * 1000

            ended = await completed(rest, task_id)
            guide = {"task_id": task_id, "task_status": "completed", "scheduled_ti": ti_uuid, "result": result}
            assert guide.items() <= ended.items()
            assert before - 1 < ended["submit_time"] < time.time() + 1
            extras = {"state": "completed", "attempt": 1, "priority": 10, "execution_time": 125.5, "model_name": MODEL}
            assert extras.items() <= ended.items()

    play(scene)


def test_a_second_task_waits_and_is_queued() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as instance:
            await register(rest, instance)
            first = (await rest.submit(MODEL, {"n": 1})).body["task_id"]
            await instance.next_push()
            second = (await rest.submit(MODEL, {"n": 2})).body["task_id"]
            assert (await record(rest, second))["task_status"] == "queued"
            [queue] = (await rest.get("/queue/info", model_name=MODEL)).body["queues"]
            assert (queue["running"], queue["waiting"]) == (1, 1)
            await complete(rest, first, {})
            assert (await instance.next_push())["task_id"] == second

    play(scene)


def test_no_instances() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.submit("gpt-4", {})
        assert (reply.status, reply.detail) == (503, "No TaskInstances configured for model gpt-4")
        assert reply.headers["retry-after"].isdigit()

    play(scene)


def test_queue_info_by_model() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as one, silent_instance() as other:
            ti_uuid = await register(rest, one, "a")
            await register(rest, other, "b")
            reply = await rest.get("/queue/info", model_name="a")
            assert (reply.status, reply.body["status"]) == (200, "success")
            [queue] = reply.body["queues"]
            assert {"model_name": "a", "ti_uuid": ti_uuid, "waiting_time_expect": 0.0}.items() <= queue.items()
            assert isinstance(queue["waiting_time_error"], float)
            assert len((await rest.get("/queue/info")).body["queues"]) == 2
            assert (await rest.get("/queue/info", model_name="c")).body["queues"] == []

    play(scene)


def test_an_unknown_task() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.get("/task/query", task_id="task-xyz")
        assert (reply.status, reply.detail) == (404, "Task task-xyz not found")
        assert (await rest.get("/task/story", task_id="task-xyz")).detail == "Task task-xyz not found"
        told = await complete(rest, "task-xyz", {})
        assert (told.status, told.body["status"], told.body["message"]) == (
            200,
            "warning",
            "Task task-xyz not found",
        )

    play(scene)


def test_the_first_report_counts_and_repeats_are_told_the_same() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as instance:
            await register(rest, instance)
            task_id = (await rest.submit(MODEL, {})).body["task_id"]
            await instance.next_push()
            for n in range(3):
                told = await complete(rest, task_id, {"n": n}, attempt=1, instance_id=str(n))
                assert (told.status, told.body["status"]) == (200, "success")
                assert told.body["message"] == f"Task {task_id} completion processed"
            assert (await completed(rest, task_id))["result"] == {"n": 0}

    play(scene)


def test_a_result_that_says_error_ends_the_task_as_failed() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance() as instance:
            await register(rest, instance)
            task_id = (await rest.submit(MODEL, {})).body["task_id"]
            await instance.next_push()
            result = {"status": "error", "error": "out of memory"}
            await complete(rest, task_id, result)
            ended = await completed(rest, task_id)
            assert (ended["task_status"], ended["state"], ended["result"]) == ("completed", "failed", result)

    play(scene, max_attempts=1)


def test_an_older_instance_reports_under_its_own_id_before_it_has_answered_the_push() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance(own_ids=True) as instance:
            await register(rest, instance)
            instance.may_answer.clear()
            task_id = (await rest.submit(MODEL, {"a": 1})).body["task_id"]
            own_id = (await instance.next_push())["task_id"]
            reporting = asyncio.create_task(complete(rest, own_id, {"ok": True}))
            await asyncio.sleep(0)
            instance.may_answer.set()
            told = await reporting
            assert (told.body["status"], told.body["message"]) == ("success", f"Task {own_id} completion processed")
            assert (await completed(rest, task_id))["result"] == {"ok": True}

    play(scene)


def test_older_instances_that_give_the_same_ids_are_told_apart_by_their_address() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with silent_instance(own_ids=True) as one, silent_instance(own_ids=True) as other:
            await register(rest, one, "a")
            ti_uuid = await register(rest, other, "b")
            tasks = [(await rest.submit(model, {})).body["task_id"] for model in ("a", "b")]
            assert {(await instance.next_push())["task_id"] for instance in (one, other)} == {"remote-1"}

            async def both_are_known() -> bool | None:
                return len(await service.service.edge.reader.tasks_by_remote_id("remote-1")) == 2 or None

            await until(both_are_known, "answer to both pushes")
            await complete(rest, "remote-1", {"by": "other"}, instance_id=ti_uuid)
            await complete(rest, "remote-1", {"by": "other, again"}, instance_id=f"http://localhost:{other.port}")
            assert (await completed(rest, tasks[1]))["result"] == {"by": "other"}
            assert (await record(rest, tasks[0]))["task_status"] == "scheduled"
            await complete(rest, "remote-1", {"by": "one"}, instance_id=f"{HOST}:{one.port}")
            assert (await completed(rest, tasks[0]))["result"] == {"by": "one"}

    play(scene)
