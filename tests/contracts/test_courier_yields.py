"""Giving way over HTTP: what an instance is asked, what its answers mean, and what a resumed run is given."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from actors.errands import Endpoint, PushToInstance, TellToLeave, YieldOnInstance
from actors.messages import Message
from actors.messages.dispatcher import PushAnswered, YieldAnswered
from actors.store import Payload
from tests.contracts.courier_rigs import INPUT, Instance, Seen, Shelf, a_courier, says, whenever_sent
from tests.free_ports import free_port

CHECKPOINT = Payload(b'{"step":  3}', "application/json", b"{}")


def ask(instance: Instance, *, terminate: bool = False, resumption: int = 1) -> Message | None:
    async def scene() -> Message | None:
        async with instance.listening() as endpoint, a_courier() as courier:
            return await courier.run(
                YieldOnInstance(endpoint, "t 1", 2, resumption, 'more "urgent"', 30_000, terminate)
            )

    return asyncio.run(scene())


def push(errand: PushToInstance, shelf: Shelf, instance: Instance) -> Message | None:
    async def scene() -> Message | None:
        async with instance.listening() as endpoint, a_courier(shelf) as courier:
            there = Endpoint(endpoint.host, endpoint.port, errand.endpoint.protocol)
            return await courier.run(
                PushToInstance(there, errand.task_id, errand.attempt, errand.model_name, errand.resumption)
            )

    return asyncio.run(scene())


@pytest.mark.parametrize(("terminate", "resumption", "key"), [(False, 1, "t 1:2.1"), (True, 0, "t 1:2")])
def test_what_an_instance_is_asked(terminate: bool, resumption: int, key: str) -> None:
    instance = says({"success": True}, 202)
    assert ask(instance, terminate=terminate, resumption=resumption) == YieldAnswered("t 1", 2, resumption, "noted")
    body = {
        "attempt": 2,
        "resumption": resumption,
        "reason": 'more "urgent"',
        "grace_ms": 30_000,
        "terminate": terminate,
    }
    assert instance.seen == [Seen("POST", "/task/t%201/preempt", body, key)]


def test_a_checkpoint_means_that_the_run_has_given_way_and_is_kept_as_it_came() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text='{"success": true, "checkpoint": {"a":  1.0}, "execution_time": 12.5}')

    assert ask(Instance(answer)) == YieldAnswered("t 1", 2, 1, "yielded", b'{"a":  1.0}', 12.5)


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("body", [{}, {"success": True, "checkpoint": None}, {"status": "success"}, "ok", None])
def test_an_answer_without_a_checkpoint_is_a_promise(status: int, body: object) -> None:
    assert ask(says(body, status)) == YieldAnswered("t 1", 2, 1, "noted")


def test_a_run_that_is_not_to_be_interrupted_now_says_for_how_long() -> None:
    said = ask(says({"section": "commit", "deferred_ms": 250}, 202))
    assert said == YieldAnswered("t 1", 2, 1, "noted", section="commit", deferred_ms=250.0)
    said = ask(says({"section": 1, "deferred_ms": 1e12}, 202))
    assert said == YieldAnswered("t 1", 2, 1, "noted", deferred_ms=3_600_000.0)


@pytest.mark.parametrize("took", [-1, "soon", True, None])
def test_a_duration_that_is_none_counts_as_zero(took: object) -> None:
    said = ask(says({"checkpoint": {}, "execution_time": took}))
    assert said == YieldAnswered("t 1", 2, 1, "yielded", b"{}", 0.0)


@pytest.mark.parametrize("status", [404, 409, 410])
def test_an_instance_that_has_no_such_run_says_so(status: int) -> None:
    assert ask(says({"detail": "not held here"}, status)) == YieldAnswered("t 1", 2, 1, "gone")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, {}, "500"),
        (503, {"checkpoint": {}}, "503"),
        (405, {}, "405"),
        (201, {"checkpoint": {}}, "201"),
        (307, {}, "307"),
        (200, {"success": False, "checkpoint": {}}, "200"),
        (200, {"status": "error"}, "200"),
        (200, {"checkpoint": [1]}, "the checkpoint must be a JSON object"),
        (200, {"checkpoint": "step 3"}, "the checkpoint must be a JSON object"),
    ],
)
def test_any_other_answer_is_none_and_is_logged(status: int, body: object, reason: str) -> None:
    with capture_logs() as logs:
        assert ask(says(body, status)) == YieldAnswered("t 1", 2, 1, "unheard")
    [refused] = logs
    assert (refused["log_level"], refused["task_id"]) == ("warning", "t 1")
    assert refused["event"] == "an instance did not take a request to give way"
    assert str(refused["reason"]).startswith(reason)


def test_a_checkpoint_that_is_cut_off_is_no_answer() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text='{"checkpoint": {"a":')

    assert ask(Instance(answer)) == YieldAnswered("t 1", 2, 1, "unheard")


@pytest.mark.parametrize(("size", "outcome"), [(2**20 - 9, "yielded"), (2**20 - 8, "unheard"), (3 * 2**20, "unheard")])
def test_a_checkpoint_may_have_a_megabyte(size: int, outcome: str) -> None:
    answer = ask(says({"checkpoint": {"a": "x" * size}}))
    assert isinstance(answer, YieldAnswered)
    assert answer.outcome == outcome
    assert len(answer.checkpoint) > size if outcome == "yielded" else not answer.checkpoint


def test_an_instance_that_cannot_be_reached_is_unheard() -> None:
    async def scene() -> Message | None:
        async with a_courier() as courier:
            return await courier.run(YieldOnInstance(Endpoint("127.0.0.1", free_port()), "t 1", 2, 1, "", 0))

    assert asyncio.run(scene()) == YieldAnswered("t 1", 2, 1, "unheard")


def test_no_instance_over_http_is_told_to_leave_an_agent() -> None:
    async def scene() -> None:
        async with a_courier() as courier:
            await courier.run(TellToLeave(Endpoint("127.0.0.1", 1), "", 0))

    with pytest.raises(TypeError, match="belongs to no agent"):
        asyncio.run(scene())


@pytest.mark.parametrize(
    ("attempt", "resumption", "left", "key", "is_given"),
    [
        (1, 0, CHECKPOINT, "t 1:1", False),
        (1, 2, CHECKPOINT, "t 1:1.2", True),
        (2, 0, CHECKPOINT, "t 1:2", True),
        (2, 1, None, "t 1:2.1", False),
    ],
)
def test_a_run_is_given_what_an_earlier_one_has_left(
    attempt: int, resumption: int, left: Payload | None, key: str, is_given: bool
) -> None:
    shelf = Shelf(payloads={"input": INPUT} | ({"checkpoint": left} if left else {}))
    instance = says({"task_id": "t 1"})
    answer = push(PushToInstance(Endpoint("", 0), "t 1", attempt, "m", resumption), shelf, instance)
    assert whenever_sent(answer) == PushAnswered("t 1", attempt, "accepted", resumption=resumption)
    [seen] = instance.seen
    assert seen.key == key
    assert seen.body.get("checkpoint") == ({"step": 3} if is_given else None)
    assert json.dumps(seen.body["task_input"]) == '{"prompt": "\\u00e9"}'


def test_the_older_generation_has_no_field_for_a_checkpoint() -> None:
    shelf = Shelf(payloads={"input": INPUT, "checkpoint": CHECKPOINT})
    instance = says({"task_id": "theirs"})
    push(PushToInstance(Endpoint("", 0, "enqueue"), "t 1", 2, "m"), shelf, instance)
    assert set(instance.seen[0].body) == {"input_data", "metadata"}


@pytest.mark.parametrize(("status", "outcome"), [(422, "refused"), (200, "accepted")])
def test_what_a_push_came_to_names_the_run(status: int, outcome: str) -> None:
    answer = push(PushToInstance(Endpoint("", 0), "t 1", 1, "m", 2), Shelf(), says({}, status))
    assert isinstance(answer, PushAnswered)
    assert (answer.outcome, answer.attempt, answer.resumption) == (outcome, 1, 2)
