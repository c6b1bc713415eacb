"""What a gRPC client sends means what seed clients expect, and what breaks a rule is named."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from actors.messages import answers as a
from actors.messages.scheduler import RequestPreemption, ShutdownAgent, SubmitTask
from actors.messages.tasks import Activity
from gateway import rpc_translate as translate
from gateway.bad_request import BadRequest
from gateway.translate import PriorityOrder
from protos import scheduler_pb2 as pb

NOW = 1_760_000_000.25
MAX_BYTES = 10 * 1024 * 1024


def submit(order: PriorityOrder = "importance", **fields: Any) -> SubmitTask:
    given = {"agent_id": "worker-1", "task_id": "task-123", "params": b'{"action": "process"}', **fields}
    return translate.submit_message(pb.SubmitTaskRequest(**given), now=NOW, order=order, max_bytes=MAX_BYTES)


def test_the_example_of_the_sdk() -> None:
    message = submit(priority=5, scope="global.resource", content_type="application/json")
    assert message.spec.agent_id == "worker-1"
    assert message.spec.task_id == "task-123"
    assert message.spec.priority == 5
    assert message.spec.scope == "global.resource"
    assert message.spec.origin == "grpc"
    assert message.spec.submitted_at == NOW
    assert message.spec.model_name == ""
    assert message.input == b'{"action": "process"}'
    assert message.waits_for_instances
    assert not message.id_is_fresh


def test_model_and_activity_come_from_json_params() -> None:
    message = submit(params=b'{"model_name": "llama", "repo_id": "r", "branch": "b", "description": "d"}')
    assert message.spec.model_name == "llama"
    assert message.spec.activity == Activity(repo_id="r", branch="b", description="d")


def test_params_may_be_empty_or_of_any_type() -> None:
    assert submit(params=b"").input == b""
    binary = submit(params=b"\x00\xff{", content_type="application/octet-stream")
    assert binary.input == b"\x00\xff{"
    assert binary.content_type == "application/octet-stream"
    assert binary.spec.model_name == ""


def test_an_empty_content_type_is_the_default_of_the_sdk() -> None:
    assert submit(content_type="").spec.digest == submit(content_type="application/json").spec.digest


def test_the_same_submit_has_the_same_digest_and_any_other_another() -> None:
    same = submit(priority=5).spec.digest
    assert submit(priority=5).spec.digest == same
    others: list[dict[str, Any]] = [{"priority": 6}, {"params": b"{}"}, {"agent_id": "worker-2"}, {"scope": "x"}]
    for other in others:
        assert submit(**{"priority": 5, **other}).spec.digest != same


@pytest.mark.parametrize(("order", "levels"), [("importance", "-19 to 20"), ("nice", "-20 to 19")])
def test_a_priority_out_of_range_is_told_without_the_names_that_an_integer_cannot_be(
    order: PriorityOrder, levels: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        submit(order=order, priority=50)
    assert str(refused.value) == f"field `priority`: must be an integer from {levels}; got 50"


def test_priority_is_importance_unless_the_server_says_nice() -> None:
    assert submit(priority=20).spec.priority == 20
    assert submit(priority=-19).spec.priority == -19
    assert submit(order="nice", priority=19).spec.priority == -19


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"agent_id": ""}, "field `agent_id`: must be 1 to 255 characters long; got ''"),
        ({"task_id": ""}, "field `task_id`: must be 1 to 255 characters long; got ''"),
        ({"task_id": "a\nb"}, "field `task_id`: must not contain control characters; got 'a\\nb'"),
        ({"agent_id": "model:x"}, "field `agent_id`: must not begin with 'model:'"),
        ({"priority": 21}, "field `priority`: must be an integer from -19 to 20"),
        ({"priority": -20}, "field `priority`: must be an integer from -19 to 20"),
        ({"scope": "a\x00"}, "field `scope`: must not contain control characters"),
        ({"scope": "a..b"}, "field `scope`: must be segments separated by"),
        ({"params": b"{"}, "field `params`: must be JSON, as the content type 'application/json' says"),
        ({"params": b'{"model_name": 5}'}, "field `params.model_name`: must be a string; got 5"),
        ({"params": b"[" * 40 + b"]" * 40}, "nested deeper than 32"),
        ({"params": b"x" * (MAX_BYTES + 1)}, f"field `params`: must be at most {MAX_BYTES} bytes long; got 10485761"),
    ],
    ids=str,
)
def test_a_submit_that_breaks_a_rule_is_told_which(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        submit(**fields)
    assert text in str(caught.value)


def test_preemption() -> None:
    request = pb.PreemptRequest(agent_id="worker-1", task_id="task-123", reason="Higher priority task arrived")
    message = translate.preemption_message(request)
    assert message == RequestPreemption("worker-1", "task-123", "Higher priority task arrived")
    with pytest.raises(BadRequest, match="`reason`"):
        translate.preemption_message(pb.PreemptRequest(agent_id="w", task_id="t", reason="x" * 2001))


@pytest.mark.parametrize(
    ("grace", "seconds"),
    [
        (None, 30.0),
        (Duration(), 0.0),
        (Duration(seconds=30), 30.0),
        (Duration(nanos=500_000_000), 0.5),
    ],
    ids=str,
)
def test_an_absent_grace_is_30_s_and_a_zero_one_is_none(grace: Duration | None, seconds: float) -> None:
    request = pb.ShutdownAgentRequest(agent_id="worker-1", grace_period=grace)
    assert translate.shutdown_message(request) == ShutdownAgent("worker-1", seconds)


@pytest.mark.parametrize("grace", [Duration(seconds=-1), Duration(nanos=-1), Duration(seconds=10**9)], ids=str)
def test_a_grace_out_of_range_is_refused(grace: Duration) -> None:
    with pytest.raises(BadRequest, match="`grace_period`: must be a number of seconds from 0 to 2592000"):
        translate.shutdown_message(pb.ShutdownAgentRequest(agent_id="worker-1", grace_period=grace))


def test_purge_names_the_bad_id_by_its_place() -> None:
    _, message = translate.purge_message(pb.PurgeActivityRequest(agent_id="w", task_ids=["a", "b"]))
    assert message.task_ids == ("a", "b")
    with pytest.raises(BadRequest, match=r"`task_ids\[1\]`"):
        translate.purge_message(pb.PurgeActivityRequest(agent_id="w", task_ids=["a", ""]))


def test_a_refusal_is_a_response() -> None:
    refused = a.Refused("conflict", "task_id task-123 is taken by a task with other content")
    response = translate.submit_response(refused)
    assert not response.accepted
    assert response.reason == refused.reason
    assert not translate.preemption_response(refused).enqueued
    assert not translate.shutdown_response(refused).ok


def test_answers() -> None:
    waits = "no instance serves it"
    assert translate.submit_response(a.TaskAccepted("t", "", waits)) == pb.SubmitTaskResponse(
        accepted=True, reason=waits
    )
    assert translate.preemption_response(a.PreemptionAnswered(True)).enqueued
    assert translate.shutdown_response(a.ShutdownAnswered(True)).ok
    assert translate.purge_response(a.ActivityPurged(3)).purged == 3


def test_activity_entries_carry_every_field_and_utc_milliseconds() -> None:
    entry = a.ActivityEntry("t", Activity("r", "w", "b", "d"), 1_760_184_000.1239)
    response = translate.poll_response(a.ActivityListed((entry,)))
    assert list(response.entries) == [
        pb.ActivityEntry(
            task_id="t",
            repo_id="r",
            worktree_id="w",
            branch="b",
            description="d",
            timestamp="2025-10-11T12:00:00.123Z",
        )
    ]


def test_an_answer_to_another_question_is_a_fault_of_ours() -> None:
    for response in (
        translate.submit_response,
        translate.preemption_response,
        translate.shutdown_response,
        translate.poll_response,
        translate.purge_response,
    ):
        with pytest.raises(translate.UnexpectedAnswer):
            response(a.StrategySet("round_robin", ""))
