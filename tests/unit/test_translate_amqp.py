"""What producers publish straight to RabbitMQ, and what is said to them when it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.messages import Message
from actors.messages.scheduler import (
    DescribeQueues,
    RemoveInstance,
    RequestPreemption,
    SetStrategy,
    ShutdownAgent,
    SubmitTask,
)
from gateway.bad_request import BadRequest, MalformedJson
from gateway.translate import build_submit
from gateway.translate_amqp import IDENTITY, command_from_amqp, commands_from_amqp


def command(kind: object = "SubmitTask", **fields: Any) -> Message:
    return command_from_amqp(json.dumps({"type": kind, **fields}).encode(), {}, now=1000.0, new_id="task-new")


def test_a_task() -> None:
    message = command(model_name="gpt", task_input={"b": 1, "a": 2.5}, metadata={"priority": "high"})
    assert isinstance(message, SubmitTask)
    assert (message.spec.task_id, message.id_is_fresh, message.waits_for_instances) == ("task-new", True, True)
    assert (message.spec.origin, message.spec.priority, message.spec.submitted_at) == ("amqp", 10, 1000.0)
    assert json.loads(message.input) == {"b": 1, "a": 2.5}


def test_a_task_of_an_agent_with_everything() -> None:
    message = command(task_input={}, agent_id="worker-1", task_id="t", priority=7, scope="a.b", metadata=None)
    assert isinstance(message, SubmitTask)
    spec = message.spec
    assert (spec.agent_id, spec.task_id, spec.priority, spec.scope) == ("worker-1", "t", 7, "a.b")
    assert (message.id_is_fresh, message.metadata) == (False, b"{}")


def test_the_same_task_has_the_same_digest_as_over_rest() -> None:
    message = command(model_name="gpt", task_input={"a": 1}, task_id="t")
    assert isinstance(message, SubmitTask)
    rest = build_submit(
        task_id="t", now=1.0, order="importance", origin="rest", task_input=b'{ "a":1 }', model_name="gpt"
    )
    assert message.spec.digest == rest.spec.digest


@pytest.mark.parametrize(("message", "expected"), [
    (command("RequestPreemption", agent_id="w", task_id="t"), RequestPreemption("w", "t", "")),
    (command("ShutdownAgent", agent_id="w"), ShutdownAgent("w", 30.0)),
    (command("ShutdownAgent", agent_id="w", grace_period_s=0), ShutdownAgent("w", 0.0)),
    (command("SetStrategy", name="weighted"), SetStrategy("weighted", "")),
    (command("SetStrategy", order="fair", model_name="m"), SetStrategy("", "m", "fair")),
    (command("SetStrategy", name="weighted", order="fair"), SetStrategy("weighted", "", "fair")),
    (command("RemoveInstance", host="h", port=8100), RemoveInstance("h", 8100)),
    (command("DescribeQueues", model_name="gpt"), DescribeQueues("gpt")),
])  # fmt: skip
def test_the_other_commands(message: Message, expected: Message) -> None:
    assert message == expected


@pytest.mark.parametrize(("fields", "text"), [
    ({"kind": "Nonsense"}, "field `type`: must be one of SubmitTask, RequestPreemption, ShutdownAgent, SetStrategy, "
                           "RemoveInstance, DescribeQueues, AttachWorker, DetachWorker; got 'Nonsense'"),
    ({"kind": ["SubmitTask"]}, "field `type`: must be one of "),
    ({"model": "gpt"}, "field `model`: is not a field of SubmitTask, which has model_name, "),
    ({"model_name": "gpt"}, "field `task_input`: must be given; got nothing"),
    ({"model_name": "gpt", "task_input": "x"}, "field `task_input`: must be a JSON object; got 'x'"),
    ({"task_input": {}}, "field `model_name`: must be given for a task of no agent; got nothing"),
    ({"task_input": {}, "model_name": "g", "priority": 21}, "field `priority`: must be an integer from -19 to 20"),
    ({"task_input": {}, "model_name": "g", "task_id": ""}, "field `task_id`: must be 1 to 255 characters long"),
    ({"task_input": {}, "model_name": "g", "scope": "a."}, "field `scope`: must be segments separated by"),
    ({"task_input": {}, "model_name": "g", "scope": 0}, "field `scope`: must be a string; got 0"),
    ({"task_input": {}, "model_name": "g", "metadata": {"scope": "d*"}}, "field `metadata.scope`: must have `*` only"),
    ({"kind": "RemoveInstance", "host": "h", "port": 0}, "field `port`: must be an integer from 1 to 65535; got 0"),
    ({"kind": "ShutdownAgent", "agent_id": "w", "grace_period_s": -1}, "field `grace_period_s`: must be a number"),
    ({"kind": "RequestPreemption", "agent_id": "w"}, "field `task_id`: must be given; got nothing"),
    ({"kind": "DetachWorker", "worker_id": "w" * 201}, "field `worker_id`: must not be longer than 200 bytes"),
    ({"kind": "AttachWorker", "worker_id": "w", "agent_id": "a"}, "field `capacity`: must be given; got nothing"),
    ({"kind": "AttachWorker", "worker_id": "w", "agent_id": "a", "capacity": True, "incarnation": "i"},
     "field `capacity`: must be an integer from 1 to 10000; got True"),
])  # fmt: skip
def test_broken_rules(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        command(**fields)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"type": NaN}', b"[" * 40])
def test_a_body_that_is_no_json(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        command_from_amqp(body, {})


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"SubmitTask"'])
def test_a_body_that_is_no_object(body: bytes) -> None:
    with pytest.raises(BadRequest, match="field `body`: must be a JSON object"):
        command_from_amqp(body, {})


def test_an_id_and_a_time_are_made_where_none_are_given() -> None:
    body = b'{"type": "SubmitTask", "model_name": "gpt", "task_input": {}}'
    first, second = command_from_amqp(body, {}), command_from_amqp(body, {})
    assert isinstance(first, SubmitTask)
    assert isinstance(second, SubmitTask)
    assert first.spec.task_id != second.spec.task_id
    assert first.spec.submitted_at > 1_700_000_000


def test_several_commands_in_one_body() -> None:
    task = {"type": "SubmitTask", "agent_id": "a", "task_input": {}}
    other = {"type": "SubmitTask", "agent_id": "a", "task_input": {}, "task_id": "mine"}
    body = json.dumps([task, other, {"type": "DescribeQueues"}]).encode()
    first, second, third = commands_from_amqp(body, {IDENTITY: "i"})
    assert isinstance(first, SubmitTask)
    assert isinstance(second, SubmitTask)
    assert (first.spec.task_id, second.spec.task_id) == ("task-i-0", "mine"), "delivered again, they are the same tasks"
    assert third == DescribeQueues("")
    assert commands_from_amqp(json.dumps(other).encode(), {}, now=1.0) == commands_from_amqp(
        json.dumps([other]).encode(), {}, now=1.0
    )


@pytest.mark.parametrize(("commands", "text"), [
    ([], "field `body`: must be a JSON object, or an array of 1 to 100 of them; got []"),
    ([{"type": "DescribeQueues"}] * 101, "field `body`: must be a JSON object, or an array of 1 to 100 of them"),
    ([{"type": "DescribeQueues"}, {"type": "SetStrategy"}], "field `[1].name`: must be given; got nothing"),
    ([[]], "field `[0].body`: must be a JSON object; got []"),
])  # fmt: skip
def test_one_that_is_wrong_refuses_them_all(commands: list[Any], text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        commands_from_amqp(json.dumps(commands).encode(), {})
    assert str(caught.value).startswith(text)
