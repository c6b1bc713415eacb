"""The courier against real servers on loopback: discovery, probes and callbacks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from actors.courier import InstanceUnreachable
from actors.couriers.by_protocol import CourierByProtocol
from actors.errands import PostCallback, ProbeInstance
from actors.messages import Message
from actors.messages.agent import CallbackAnswered
from actors.messages.dispatcher import ProbeAnswered
from actors.messages.scheduler import MOST_CAPACITY
from actors.task_lifecycle import TaskState
from tests.contracts.courier_rigs import TASK, Instance, Shelf, a_courier, says, says_at
from tests.free_ports import free_port

NEWER = {"deployed_model": {"model_name": "m", "replicas": 3}, "uptime": 12, "capabilities": ["cancel", "preempt"]}
OLDER = {"status": "running", "model_name": "m", "replicas": 2, "uptime": 3.5}


def test_both_generations_are_discovered_and_probed() -> None:
    async def scene(instance: Instance) -> tuple[Any, Message | None]:
        async with instance.listening() as endpoint, a_courier() as courier:
            report = await courier.discover(endpoint.host, endpoint.port)
            return replace(report, endpoint=msgspec.structs.replace(report.endpoint, port=0)), await courier.run(
                ProbeInstance(report.endpoint)
            )

    newer, alive = asyncio.run(scene(says_at(info=NEWER)))
    assert (newer.endpoint.protocol, newer.model_name, newer.capacity) == ("submit", "m", 3)
    assert (newer.uptime_s, newer.capabilities) == (12.0, ("cancel", "preempt"))
    assert alive == ProbeAnswered(True, uptime_s=12.0)

    older, alive = asyncio.run(scene(says_at(status=OLDER)))
    assert (older.endpoint.protocol, older.model_name, older.capacity) == ("enqueue", "m", 2)
    assert older.capabilities == ()
    assert alive == ProbeAnswered(True, uptime_s=3.5)

    nested, _ = asyncio.run(scene(says_at(status={"success": True, "data": OLDER})))
    assert (nested.model_name, nested.capacity, nested.uptime_s) == ("m", 2, 3.5)

    bare, _ = asyncio.run(scene(says_at(info={"deployed_model": None, "uptime": "soon", "capabilities": "none"})))
    assert (bare.model_name, bare.capacity, bare.uptime_s, bare.capabilities) == ("", None, None, ())


@pytest.mark.parametrize(("replicas", "capacity"), [(10**18, MOST_CAPACITY), (0, None), (True, None), ("3", None)])
@pytest.mark.parametrize("uptime", [pytest.param(10**400, id="of 400 digits"), -1.0, True, "12"])
def test_what_an_instance_cannot_mean_is_as_if_it_had_not_told_it(
    replicas: object, capacity: int | None, uptime: object
) -> None:
    async def scene(instance: Instance) -> Any:
        async with instance.listening() as endpoint, a_courier() as courier:
            return await courier.discover(endpoint.host, endpoint.port)

    report = asyncio.run(scene(says_at(info={"replicas": replicas, "uptime": uptime})))
    assert (report.capacity, report.uptime_s) == (capacity, None)


@pytest.mark.parametrize(("body", "status"), [({"detail": "no"}, 500), (["no", "object"], 200)])
def test_a_server_that_is_no_instance_is_not_one(body: object, status: int) -> None:
    async def scene() -> Message | None:
        async with says(body, status).listening() as endpoint, a_courier() as courier:
            with pytest.raises(InstanceUnreachable, match="not a TaskInstance"):
                await courier.discover(endpoint.host, endpoint.port)
            return await courier.run(ProbeInstance(endpoint))

    probed = asyncio.run(scene())
    assert isinstance(probed, ProbeAnswered)
    assert not probed.alive
    assert probed.detail.startswith(f"GET /info answered {status}")


def call_back(instance: Instance, shelf: Shelf | None = None, path: str = "/done?x=1") -> Message | None:
    async def scene() -> Message | None:
        async with instance.listening() as endpoint, a_courier(shelf) as courier:
            return await courier.run(PostCallback(f"http://127.0.0.1:{endpoint.port}{path}", "t 1"))

    return asyncio.run(scene())


def test_a_callback_carries_the_final_record() -> None:
    instance = says({}, 204)
    assert call_back(instance) == CallbackAnswered("t 1", True, "")
    (seen,) = instance.seen
    assert (seen.method, seen.path) == ("POST", "/done?x=1")
    guide = {"task_id": "t 1", "task_status": "completed", "scheduled_ti": "ti", "submit_time": 1.5}
    assert seen.body.items() >= guide.items()
    assert seen.body["result"] == {"output": 1.0}
    assert (seen.body["state"], seen.body["execution_time"]) == ("completed", 7.0)


def test_a_task_that_ended_without_a_result_says_why_in_its_record() -> None:
    instance = says({})
    failed = replace(TASK, state=TaskState.FAILED, error="attempt 1 on ti: 503", error_code="attempts_exhausted")
    call_back(instance, Shelf(failed, {}))
    body = instance.seen[0].body
    assert (body["task_status"], body["state"]) == ("completed", "failed")
    assert body["result"] == {"status": "error", "error": "attempt 1 on ti: 503"}
    assert body["error_code"] == "attempts_exhausted"


def test_a_callback_that_is_not_taken_says_so() -> None:
    assert call_back(says({"no": 1}, 500)) == CallbackAnswered("t 1", False, '500 {"no": 1}')

    async def scene(url: str) -> Message | None:
        async with a_courier() as courier:
            return await courier.run(PostCallback(url, "t 1"))

    for url in (f"http://127.0.0.1:{free_port()}/", "file:///etc/passwd", "http://", "http://[", "ftp://h/"):
        answer = asyncio.run(scene(url))
        assert isinstance(answer, CallbackAnswered), url
        assert not answer.delivered, url
        assert answer.detail, url


def test_an_instance_that_tells_as_much_as_before_and_what_has_passed_since_goes_on() -> None:
    async def scene() -> list[Message | None]:
        async with says_at(info=NEWER).listening() as endpoint, a_courier() as http:
            courier = CourierByProtocol(http, http)
            return [await courier.run(ProbeInstance(endpoint)) for _ in range(2)]

    assert asyncio.run(scene()) == [
        ProbeAnswered(True, uptime_s=12.0),
        ProbeAnswered(True, uptime_s=12.0, goes_on=True),
    ]
