"""The courier against real servers on loopback: what is sent, and what each way to fail is called."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from actors.courier import InstanceUnreachable
from actors.couriers.http import UNREACHABLE, HttpCourier
from actors.errands import CancelOnInstance, Endpoint, PostCallback, ProbeInstance, PushToInstance
from actors.messages import Message
from actors.messages.agent import CallbackAnswered
from actors.messages.dispatcher import ProbeAnswered, PushAnswered
from actors.store import JournalEntry, Payload, TaskRow
from actors.task_lifecycle import TaskState

TASK = TaskRow("t 1", "model:m", "m", 0, "", "rest", "d", TaskState.COMPLETED, 1.5, "ti", 2, execution_ms=7.0)
INPUT = Payload('{"prompt": "é"}'.encode(), "application/json", b'{"user": 1}')
RESULT = Payload(b'{"output":  1.0}', "application/json", b"{}")


@dataclass
class Shelf:
    """A task with its payloads, as a store would give them."""

    row: TaskRow = TASK
    payloads: dict[str, Payload] = field(default_factory=lambda: {"input": INPUT, "result": RESULT})

    async def task(self, task_id: str) -> TaskRow | None:
        return self.row if task_id == self.row.task_id else None

    async def payload(self, task_id: str, part: str) -> Payload | None:
        return self.payloads.get(part) if task_id == self.row.task_id else None

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        return [self.row]

    async def story(self, task_id: str) -> list[JournalEntry]:
        return []

    async def count_by_state(self) -> dict[TaskState, int]:
        return {self.row.state: 1}


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    body: Any
    key: str | None


@dataclass
class Instance:
    """A server that answers every request with what `answer` makes of it, and remembers what it saw."""

    answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append(Seen(request.method, request.raw_path, body, request.headers.get("Idempotency-Key")))
        return await self.answer(request)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Endpoint]:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Endpoint("127.0.0.1", runner.addresses[0][1])
        finally:
            await runner.cleanup()


def says(body: Any, status: int = 200) -> Instance:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return Instance(answer)


def says_at(**bodies: Any) -> Instance:
    """Answers GET /info, /status, ... with these bodies and everything else with 404."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = bodies.get(request.path.strip("/"))
        return web.json_response(body or {"detail": "Not Found"}, status=404 if body is None else 200)

    return Instance(answer)


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def a_courier(shelf: Shelf | None = None, timeout_s: float = 5.0) -> AsyncIterator[HttpCourier]:
    courier = HttpCourier(
        shelf or Shelf(), push_timeout_s=timeout_s, probe_timeout_s=timeout_s, callback_timeout_s=timeout_s
    )
    await courier.open()
    try:
        yield courier
    finally:
        await courier.close()


def push_to(endpoint: Endpoint) -> PushToInstance:
    return PushToInstance(endpoint, "t 1", 2, 'a "model"')


def push(instance: Instance, shelf: Shelf | None = None, protocol: str = "submit") -> Message | None:
    async def scene() -> Message | None:
        async with instance.listening() as endpoint, a_courier(shelf) as courier:
            generation = replace(endpoint, protocol="enqueue") if protocol == "enqueue" else endpoint
            return await courier.run(push_to(generation))

    return asyncio.run(scene())


def test_an_accepted_push_and_what_was_sent() -> None:
    instance = says({"task_id": "t 1", "status": "success"})
    assert push(instance) == PushAnswered("t 1", 2, "accepted")
    body = {"model_name": 'a "model"', "task_input": {"prompt": "é"}, "metadata": {"user": 1}, "task_id": "t 1"}
    assert instance.seen == [Seen("POST", "/queue/submit", body, "t 1:2")]


def test_the_older_generation_has_ids_of_its_own() -> None:
    instance = says({"task_id": "theirs"})
    assert push(instance, protocol="enqueue") == PushAnswered("t 1", 2, "accepted", remote_id="theirs")
    body = {"input_data": {"prompt": "é"}, "metadata": {"user": 1}}
    assert instance.seen == [Seen("POST", "/queue/enqueue", body, "t 1:2")]


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        (Payload(b"\x00\xff", "a/proto", b"{}"), {"content_type": "a/proto", "base64": "AP8="}),
        (
            Payload(b'1},"x":2', "application/json", b"{}"),
            {"content_type": "application/json", "base64": "MX0sIngiOjI="},
        ),
        (Payload(b"[1]", "application/vnd.a+json; charset=utf-8", b""), [1]),
        (Payload(b"", "application/json", b"{}"), {}),
    ],
)
def test_an_input_that_is_not_json_travels_wrapped(payload: Payload, sent: object) -> None:
    instance = says({})
    push(instance, Shelf(payloads={"input": payload}))
    assert instance.seen[0].body["task_input"] == sent
    assert instance.seen[0].body["task_id"] == "t 1"


def test_an_input_of_megabytes_arrives_whole() -> None:
    text = "x" * 3 * 2**20
    instance = says({})
    big = Payload(json.dumps(text).encode(), "application/json", b"{}")
    assert push(instance, Shelf(payloads={"input": big})) == PushAnswered("t 1", 2, "accepted")
    assert instance.seen[0].body["task_input"] == text


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (503, {"detail": "busy"}, '503 {"detail": "busy"}'),
        (422, {"detail": "bad"}, '422 {"detail": "bad"}'),
        (307, {}, "307 {}"),
        (500, "x" * 5000, '500 "' + "x" * 299),
        (200, {"success": False, "error": "full"}, '200 {"success": false, "error": "full"}'),
        (200, {"status": "error"}, '200 {"status": "error"}'),
    ],
)
def test_an_answer_that_says_no_is_a_refusal(status: int, body: object, detail: str) -> None:
    assert push(says(body, status)) == PushAnswered("t 1", 2, "refused", detail)


def test_an_acceptance_need_not_be_json() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=202, text="ok")

    assert push(Instance(answer)) == PushAnswered("t 1", 2, "accepted")


def test_no_answer_in_time_is_unknown() -> None:
    async def scene() -> Message | None:
        async def hang(_: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        async with Instance(hang).listening() as endpoint, a_courier(timeout_s=0.2) as courier:
            return await courier.run(push_to(endpoint))

    assert asyncio.run(scene()) == PushAnswered("t 1", 2, "unknown", "no answer in time")


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"not http\r\n\r\n"])
def test_a_connection_lost_after_sending_is_unknown(reply: bytes) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.transport.abort()

    async def scene() -> Message | None:
        server = await asyncio.start_server(break_off, "127.0.0.1", 0)
        async with server, a_courier() as courier:
            return await courier.run(push_to(Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])))

    answer = asyncio.run(scene())
    assert isinstance(answer, PushAnswered)
    assert answer.outcome == "unknown"
    assert answer.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "not a host", "a/b"])
def test_what_cannot_be_connected_to_is_unreachable(host: str) -> None:
    async def scene() -> tuple[Message | None, Message | None]:
        endpoint = Endpoint(host, a_free_port())
        async with a_courier() as courier:
            pushed = await courier.run(push_to(endpoint))
            probed = await courier.run(ProbeInstance(endpoint))
            await courier.run(CancelOnInstance(endpoint, "t 1", 2))
            with pytest.raises(InstanceUnreachable) as caught:
                await courier.discover(host, endpoint.port)
            assert str(caught.value) == UNREACHABLE == "Connection failed: Unable to reach host"
            return pushed, probed

    pushed, probed = asyncio.run(scene())
    assert isinstance(pushed, PushAnswered)
    assert pushed.outcome == "unreachable"
    assert isinstance(probed, ProbeAnswered)
    assert not probed.alive


def test_a_task_whose_input_is_gone_is_refused() -> None:
    instance = says({})
    answer = push(instance, Shelf(payloads={}))
    assert answer == PushAnswered("t 1", 2, "refused", "the task's input is not in the store")
    assert instance.seen == []


def test_a_cancel_names_the_task_and_the_attempt() -> None:
    async def scene(instance: Instance) -> Message | None:
        async with instance.listening() as endpoint, a_courier() as courier:
            return await courier.run(CancelOnInstance(endpoint, "a/b c", 3))

    instance = says({}, 404)
    assert asyncio.run(scene(instance)) is None
    assert instance.seen == [Seen("POST", "/task/a%2Fb%20c/cancel", {"attempt": 3}, "a/b c:3")]


NEWER = {"deployed_model": {"model_name": "m", "replicas": 3}, "uptime": 12, "capabilities": ["cancel", "preempt"]}
OLDER = {"status": "running", "model_name": "m", "replicas": 2, "uptime": 3.5}


def test_both_generations_are_discovered_and_probed() -> None:
    async def scene(instance: Instance) -> tuple[Any, Message | None]:
        async with instance.listening() as endpoint, a_courier() as courier:
            report = await courier.discover(endpoint.host, endpoint.port)
            return replace(report, endpoint=replace(report.endpoint, port=0)), await courier.run(
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

    for url in (f"http://127.0.0.1:{a_free_port()}/", "file:///etc/passwd", "http://", "http://[", "ftp://h/"):
        answer = asyncio.run(scene(url))
        assert isinstance(answer, CallbackAnswered), url
        assert not answer.delivered, url
        assert answer.detail, url
