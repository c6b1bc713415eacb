"""Bad input over REST: 4xx, never a stack trace, with a text that names the field, the rule and what was got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.embedded import Embedded, embedded
from tests.rest_client import Rest, rest_client

LIMIT = 20_000
SUBMIT = {"model_name": "gpt", "task_input": {}}
NOTIFY = {"task_id": "t", "instance_id": "i", "execution_time": 1.0, "result": {}}
YIELD = {"task_id": "t", "attempt": 1, "execution_time": 1.0, "checkpoint": {}}


def play(scene: Callable[[Rest, Embedded], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


# (path, body, text that `detail` must hold)
FIELDS: list[tuple[str, Any, list[str]]] = [
    ("/queue/submit", without(SUBMIT, "model_name"), ["field `model_name`: must be given; got nothing"]),
    ("/queue/submit", {"task_input": 5}, ["field `model_name`: must be given", "field `task_input`: ", "got 5"]),
    ("/queue/submit", {**SUBMIT, "task_input": "text"}, ["field `task_input`: must be a", "got 'text'"]),
    ("/queue/submit", {**SUBMIT, "task_input": None}, ["field `task_input`: must be a", "got None"]),
    ("/queue/submit", {**SUBMIT, "model_name": 7}, ["field `model_name`: must be a string; got 7"]),
    ("/queue/submit", {**SUBMIT, "model_name": ""}, ["field `model_name`: must be 1 to 255 characters long; got ''"]),
    ("/queue/submit", {**SUBMIT, "model_name": "a\x00"}, ["field `model_name`: must not contain control characters"]),
    ("/queue/submit", {**SUBMIT, "metadata": [1]}, ["field `metadata`: must be a JSON object; got [1]"]),
    ("/queue/submit", {**SUBMIT, "task_id": "x" * 256}, ["field `task_id`: must be 1 to 255 characters long"]),
    ("/queue/submit", {**SUBMIT, "metadata": {"priority": "urgent"}}, [
        "field `metadata.priority`: must be an integer from -19 to 20 or one of low, normal, high, critical; "
        "got 'urgent'"]),
    ("/queue/submit", {**SUBMIT, "metadata": {"priority": 21}}, ["field `metadata.priority`: ", "got 21"]),
    ("/queue/submit", {**SUBMIT, "metadata": {"timeout_ms": -1}}, ["field `metadata.timeout_ms`: ", "got -1"]),
    ("/queue/submit", {**SUBMIT, "metadata": {"callback_url": "x"}}, ["field `metadata.callback_url`: ", "got 'x'"]),
    ("/queue/submit", [], ["must be a JSON object"]),
    ("/queue/submit_batch", {"model_name": "gpt", "tasks": []}, [
        "field `tasks`: must have at least 1 item; got 0 items"]),
    ("/queue/submit_batch", {"model_name": "gpt", "tasks": [{"task_input": 1}]}, ["field `tasks.0.task_input`: "]),
    ("/queue/submit_batch", {"tasks": {}}, ["field `model_name`: must be given", "field `tasks`: must be a"]),
    ("/agents/a/shutdown", {"grace_s": 5}, [
        "field `grace_s`: must not be given: nothing is known by this name; got 5"]),
    ("/agents/a/activity/purge", {"tasks": ["t"]}, ["field `tasks`: must not be given"]),
    ("/agents/a/tasks/t/preempt", {"grace_period_s": 5}, ["field `grace_period_s`: must not be given"]),
    ("/notify/task_complete", {}, ["field `task_id`", "field `execution_time`", "field `result`"]),
    ("/notify/task_complete", {**NOTIFY, "execution_time": -0.1}, ["field `execution_time`: ", "got -0.1"]),
    ("/notify/task_complete", {**NOTIFY, "execution_time": "1"}, ["field `execution_time`: must be", "got '1'"]),
    ("/notify/task_complete", {**NOTIFY, "result": "done"}, ["field `result`: must be a", "got 'done'"]),
    ("/notify/task_complete", {**NOTIFY, "attempt": -1}, ["field `attempt`: ", "got -1"]),
    ("/notify/task_complete", {**NOTIFY, "resumption": -1}, ["field `resumption`: ", "got -1"]),
    ("/notify/task_complete", {**NOTIFY, "resumption": "1"}, ["field `resumption`: must be an integer; got '1'"]),
    ("/notify/task_complete", {**NOTIFY, "task_id": ""}, ["field `task_id`: "]),
    ("/notify/task_yielded", {}, [
        "field `task_id`: must be", "field `attempt`: must be", "field `execution_time`: must be",
        "field `checkpoint`: must be"]),
    ("/notify/task_yielded", {**YIELD, "attempt": 0}, ["field `attempt`: must be greater than or equal to 1; got 0"]),
    ("/notify/task_yielded", {**YIELD, "resumption": 2**31}, ["field `resumption`: ", "got 2147483648"]),
    ("/notify/task_yielded", {**YIELD, "checkpoint": [1]}, ["field `checkpoint`: must be a", "got [1]"]),
    ("/notify/task_yielded", {**YIELD, "execution_time": -1}, ["field `execution_time`: ", "got -1"]),
    ("/ti/register", {"host": "h"}, ["field `port`: must be given; got nothing"]),
    ("/ti/register", {"host": "h", "port": "8100"}, ["field `port`: must be an integer; got '8100'"]),
    ("/ti/register", {"host": "h", "port": 70000}, ["field `port`: must be less than or equal to 65535; got 70000"]),
    ("/ti/register", {"host": "h/x?", "port": 1}, ["field `host`: must match pattern", "got 'h/x?'"]),
    ("/ti/register", {"host": 1, "port": 2.5}, ["field `host`: must be a string; got 1", "field `port`", "got 2.5"]),
    ("/ti/register", {"host": "h", "port": 1, "capacity": 0}, ["field `capacity`: ", "got 0"]),
    ("/ti/remove", {}, ["field `host`: must be given", "field `port`: must be given"]),
    ("/scheduler/set", {"name": 5}, ["field `name`: must be a string; got 5"]),
    ("/scheduler/set", {"name": "fastest"}, ["fastest"]),
    ("/scheduler/set", {"model_name": "m"}, ["field `name`: must be given; got nothing"]),
    ("/scheduler/set", {"order": "lifo"}, ["unknown order 'lifo'; known are priority, fair, "]),
    ("/scheduler/set", {"name": "round_robin", "order": 5}, ["field `order`: must be a string; got 5"]),
    ("/queue/submit", {**SUBMIT, "metadata": {"deadline_ms": 0}}, ["field `metadata.deadline_ms`: ", "got 0"]),
    ("/agents/a/tasks", {"prio": 5}, ["field `prio`: must not be given: nothing is known by this name; got 5"]),
    ("/agents/a/tasks", {"priority": 99}, ["field `priority`: must be an integer from -19 to 20", "got 99"]),
    ("/agents/a/tasks", {"params": {"description": "w " * 201}}, ["`params.description`: must have at most 200 words"]),
    ("/agents/model:x/tasks", {}, ["field `agent_id`: must not begin with 'model:'"]),
    ("/agents/a/tasks/t/preempt", {"reason": 1}, ["field `reason`: must be a string; got 1"]),
    ("/agents/a/tasks/t/preempt", {"grace_s": -1}, ["field `grace_s`: must be greater than or equal to 0; got -1"]),
    ("/agents/a/tasks/t/preempt", {"grace_s": 2592001}, ["field `grace_s`: ", "got 2592001"]),
    ("/agents/a/tasks/t/preempt", {"grace_s": "1"}, ["field `grace_s`: must be a", "got '1'"]),
    ("/agents/a/shutdown", {"grace_period_s": -1}, ["field `grace_period_s`: ", "got -1"]),
    ("/agents/a/activity/purge", {"task_ids": "t"}, ["field `task_ids`: must be a", "got 't'"]),
]  # fmt: skip


def test_a_broken_rule_is_named_with_field_and_value() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for path, body, texts in FIELDS:
            reply = await rest.post(path, body)
            assert reply.status == 422, (path, body, reply)
            for text in texts:
                assert text in reply.detail, (path, body)

    play(scene)


# (body, status, text that `detail` must hold)
BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "the body is empty"),
    (b'{"model_name": "gpt",}', 400, "malformed JSON at line 1 column 22 (position 21)"),
    (b'{"model_name": "gpt", "task_input": {"a": NaN}}', 400, "NaN is not a JSON number"),
    (b'{"model_name": "gpt", "task_input": {"a": Infinity}}', 400, "Infinity is not a JSON number"),
    (b'{"model_name": "gpt", "task_input": {"a": "\xff"}}', 400, "must be UTF-8"),
    (b'{"model_name": "gpt", "task_input": {"a": "\\ud800"}}', 400, "surrogate"),
    (b'{"model_name": "gpt", "task_input": ' + b'{"a":' * 32 + b"1" + b"}" * 33, 400, "deeper than 32 levels"),
    (b"[" * 10_000, 400, "deeper than 32 levels"),
    (b'{"model_name": "gpt", "task_input": {"a": ' + b"9" * 5000 + b"}}", 400, "out of range"),
    (b'{"model_name": "gpt", "task_input": {"a": "' + b"x" * LIMIT + b'"}}', 413, "larger than 20000 bytes"),
]


def bodies_for(path: str) -> list[tuple[bytes, int, str]]:
    # An empty body is a missing one where FastAPI reads it.
    return [entry for entry in BODIES if entry[0] or path in ("/queue/submit", "/notify/task_complete")]


@pytest.mark.parametrize("path", ["/queue/submit", "/queue/submit_batch", "/notify/task_complete", "/ti/register"])
def test_a_body_that_is_no_sound_json(path: str) -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for body, status, text in bodies_for(path):
            reply = await rest.post(path, body)
            assert (reply.status, text in reply.detail) == (status, True), (body[:60], reply)

    play(scene, max_body_bytes=LIMIT)


@pytest.mark.parametrize("path", ["/queue/submit", "/ti/register"])
def test_a_body_that_grows_too_large_without_having_said_so(path: str) -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b'{"model_name": "'
            for _ in range(30):
                yield b"x" * 1000

        reply = await rest.ask("POST", path, data=chunks())
        assert (reply.status, reply.detail) == (413, "the request body must not be larger than 20000 bytes")
        small = await rest.submit("gpt", {"text": "x" * (LIMIT - 100)})
        assert small.status == 503

    play(scene, max_body_bytes=LIMIT)


def test_the_content_type_does_not_matter() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        form = {"content-type": "application/x-www-form-urlencoded"}
        for path, body in (("/queue/submit", SUBMIT), ("/ti/remove", {"host": "h", "port": 1})):
            reply = await rest.ask("POST", path, data=json.dumps(body), headers=form)
            assert reply.status in (200, 503), reply

    play(scene)


def test_queries_without_what_they_need_and_paths_that_are_not() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        for path in ("/task/query", "/task/story"):
            reply = await rest.get(path)
            assert (reply.status, reply.detail) == (422, "field `task_id`: must be given; got nothing")
        assert (await rest.get("/no/such/path")).status == 404
        assert (await rest.ask("GET", "/queue/submit")).status == 405
        assert (await rest.ask("DELETE", "/task/query")).status == 405
        assert (await rest.get("/task/query", task_id="é\n/../" * 40)).status == 404

    play(scene)


def test_fields_nobody_knows_are_passed_over() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.post("/queue/submit", {**SUBMIT, "novelty": 1, "metadata": {"novelty": {"deep": []}}})
        assert (reply.status, reply.detail) == (503, "No TaskInstances configured for model gpt")
        assert (await rest.post("/ti/remove", {"host": "h", "port": 1, "novelty": 1})).status == 200

    play(scene)


@pytest.mark.parametrize("path", ["/queue/submit", "/ti/register"])
def test_a_body_that_is_announced_too_large_is_not_waited_for(path: str) -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".encode())
        async with asyncio.timeout(30):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.close()

    play(scene, max_body_bytes=LIMIT)
