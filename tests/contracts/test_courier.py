"""The courier against real servers on loopback: what a push sends, and what each way to fail is called."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from aiohttp import web
from msgspec.structs import replace

from actors.courier import InstanceUnreachable
from actors.couriers.http import UNREACHABLE
from actors.errands import CancelOnInstance, Endpoint, ProbeInstance, PushToInstance
from actors.messages import Message
from actors.messages.dispatcher import ProbeAnswered, PushAnswered
from actors.store import Payload
from tests.contracts.courier_rigs import Instance, Seen, Shelf, a_courier, says, whenever_sent
from tests.free_ports import free_port


def push_to(endpoint: Endpoint) -> PushToInstance:
    return PushToInstance(endpoint, "t 1", 2, 'a "model"')


def push(instance: Instance, shelf: Shelf | None = None, protocol: str = "submit") -> Message | None:
    return whenever_sent(timed_push(instance, shelf, protocol))


def timed_push(instance: Instance, shelf: Shelf | None = None, protocol: str = "submit") -> Message | None:
    async def scene() -> Message | None:
        async with instance.listening() as endpoint, a_courier(shelf) as courier:
            generation = replace(endpoint, protocol="enqueue") if protocol == "enqueue" else endpoint
            return await courier.run(push_to(generation))

    return asyncio.run(scene())


def test_an_accepted_push_says_since_when_it_was_under_way() -> None:
    before = time.time()
    outcome = timed_push(says({}))
    assert isinstance(outcome, PushAnswered)
    assert outcome.sent_at is not None
    assert before <= outcome.sent_at <= time.time()


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


def test_an_id_of_theirs_that_no_report_could_name_is_none() -> None:
    """It would be kept where tasks are found by it, and PostgreSQL's indexes take no text of kilobytes."""
    assert push(says({"task_id": "x" * 256})) == PushAnswered("t 1", 2, "accepted")
    assert push(says({"task_id": "x" * 255})) == PushAnswered("t 1", 2, "accepted", remote_id="x" * 255)


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
    ("status", "body", "detail", "is_fault"),
    [
        (503, {"detail": "busy"}, '503 {"detail": "busy"}', True),
        (429, {}, "429 {}", True),
        (422, {"detail": "bad"}, '422 {"detail": "bad"}', False),
        (307, {}, "307 {}", False),
        (500, "x" * 5000, '500 "' + "x" * 299, True),
        (200, {"success": False, "error": "full"}, '200 {"success": false, "error": "full"}', False),
        (200, {"status": "error"}, '200 {"status": "error"}', False),
    ],
)
def test_an_answer_that_says_no_is_a_refusal(status: int, body: object, detail: str, is_fault: bool) -> None:
    assert push(says(body, status)) == PushAnswered("t 1", 2, "refused", detail, is_fault=is_fault)


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
        endpoint = Endpoint(host, free_port())
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


@pytest.mark.parametrize(
    ("resumption", "body", "key"),
    [(0, {"attempt": 3}, "a/b c:3"), (2, {"attempt": 3, "resumption": 2}, "a/b c:3.2")],
)
def test_a_cancel_names_the_task_and_the_run(resumption: int, body: object, key: str) -> None:
    async def scene(instance: Instance) -> Message | None:
        async with instance.listening() as endpoint, a_courier() as courier:
            return await courier.run(CancelOnInstance(endpoint, "a/b c", 3, resumption))

    instance = says({}, 404)
    assert asyncio.run(scene(instance)) is None
    assert instance.seen == [Seen("POST", "/task/a%2Fb%20c/cancel", body, key)]
