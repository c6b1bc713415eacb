"""What the clients send, and what they make of the answers."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

from swarmpilot import calls
from swarmpilot.errors import (
    NoInstances,
    RequestRefused,
    SchedulerError,
    SchedulerUnavailable,
    TaskConflict,
    TaskNotFound,
)
from swarmpilot.records import SubmittedTask, TaskRecord

QUERIED = {
    "task_id": "t",
    "task_status": "completed",
    "scheduled_ti": "u",
    "submit_time": 1.5,
    "result": {"output": "x"},
}


def read(call: calls.Call[Any], status: int, body: Any, retry_after: str | None = None) -> Any:
    return calls.read_answer(call, status, retry_after, json.dumps(body).encode())


def test_a_submit_names_its_task_so_that_a_repeat_is_the_same_task() -> None:
    call = calls.submit("m", {"x": 1}, {"u": 2}, "high", None)
    body = json.loads(call.body or b"")
    assert body.pop("task_id").startswith("task-")
    assert body == {"model_name": "m", "task_input": {"x": 1}, "metadata": {"u": 2, "priority": "high"}}
    assert call.is_repeatable
    assert read(call, 200, {"status": "success", "task_id": "t", "scheduled_ti": "u"}) == SubmittedTask("t", "u")


def test_a_request_for_many_tasks_holds_500_of_them_or_1_mib() -> None:
    def counts(sizes: list[int]) -> list[int]:
        batches = calls.submit_batches("m", [{"x": "x" * size} for size in sizes], None, None)
        bodies = [json.loads(batch.body or b"") for batch in batches]
        assert [len(task["task_input"]["x"]) for body in bodies for task in body["tasks"]] == sizes
        assert all(body["model_name"] == "m" for body in bodies)
        return [len(body["tasks"]) for body in bodies]

    assert counts([]) == []
    assert counts([1] * 1001) == [500, 500, 1]
    assert counts([400_000] * 5) == [2, 2, 1]
    assert counts([1, 3_000_000, 3_000_000, 1, 1]) == [1, 1, 1, 2]


def test_a_scope_travels_as_metadata() -> None:
    body = json.loads(calls.submit("m", {}, {"scope": "a", "u": 2}, None, "t", "repo.docs").body or b"")
    assert body["metadata"] == {"u": 2, "scope": "repo.docs"}
    [batch] = calls.submit_batches("m", [{}, {}], None, None, "repo.docs")
    assert [task["metadata"] for task in json.loads(batch.body or b"")["tasks"]] == [{"scope": "repo.docs"}] * 2


def test_an_empty_id_is_not_replaced_by_a_new_one() -> None:
    assert json.loads(calls.submit("m", {}, None, None, "").body or b"")["task_id"] == ""


@pytest.mark.parametrize(
    ("grace_s", "body"),
    [
        (None, {"reason": "urgent"}),
        (0, {"reason": "urgent", "grace_s": 0}),
        (2.5, {"reason": "urgent", "grace_s": 2.5}),
    ],
)
def test_a_request_to_give_way_names_agent_and_task(grace_s: float | None, body: dict[str, Any]) -> None:
    call = calls.preempt("team/a b", "t/1?", "urgent", grace_s)
    assert (call.method, call.path) == ("POST", "/agents/team%2Fa%20b/tasks/t%2F1%3F/preempt")
    assert json.loads(call.body or b"") == body
    assert read(call, 200, {"enqueued": True}) is True
    assert read(call, 200, {"enqueued": False}) is False


@pytest.mark.parametrize(
    ("model", "body"), [(None, {"order": "Fair"}), ("m", {"order": "Fair", "model_name": "m"})], ids=["all", "one"]
)
def test_an_order_is_chosen_for_one_model_or_all(model: str | None, body: dict[str, Any]) -> None:
    call = calls.set_order("Fair", model)
    assert (call.method, call.path, json.loads(call.body or b"")) == ("POST", "/scheduler/set", body)
    assert read(call, 200, {"status": "success", "name": "weighted", "order": "fair"}) == "fair"


def test_many_tasks_go_in_few_requests_and_answers_keep_their_place() -> None:
    batches = calls.submit_batches("m", ({"n": n} for n in range(501)), None, None)
    assert [len(json.loads(batch.body or b"")["tasks"]) for batch in batches] == [500, 1]
    results = [
        {"status": "success", "task_id": "a", "scheduled_ti": "u", "code": 200, "detail": ""},
        {"status": "error", "task_id": "", "scheduled_ti": "", "code": 409, "detail": "other content"},
    ]
    accepted, refused = read(batches[0], 200, {"status": "partial", "accepted": 1, "results": results})
    assert accepted == SubmittedTask("a", "u")
    assert isinstance(refused, TaskConflict)


@pytest.mark.parametrize(
    ("status", "detail", "kind"),
    [
        (503, "No TaskInstances configured for model gpt-4", NoInstances),
        (503, "The broker is away; try again", SchedulerUnavailable),
        (404, "Task t not found", TaskNotFound),
        (409, "other content", TaskConflict),
        (422, "field `model_name`: must be given", RequestRefused),
        (500, "Internal error", SchedulerError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind_with_the_servers_words(
    status: int, detail: str, kind: type[SchedulerError]
) -> None:
    with pytest.raises(SchedulerError, match=detail) as caught:
        read(calls.query("t"), status, {"detail": detail})
    assert type(caught.value) is kind


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), (None, 1.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0)])
def test_how_long_to_wait_is_heard(said: str | None, seconds: float) -> None:
    with pytest.raises(SchedulerUnavailable) as caught:
        read(calls.health(), 503, {"status": "draining"}, said)
    assert caught.value.retry_after_s == seconds


def test_an_error_in_a_200_is_an_error() -> None:
    with pytest.raises(RequestRefused, match="Unable to reach host"):
        read(calls.register("h", 1, "m"), 200, {"status": "error", "message": "Unable to reach host", "ti_uuid": ""})


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"task_id": "t"}'])
def test_what_is_no_answer_of_a_scheduler_is_told(body: bytes) -> None:
    with pytest.raises(SchedulerError, match="/task/query"):
        calls.read_answer(calls.query("t"), 200, None, body)


def test_ids_are_quoted() -> None:
    assert calls.query("a b&c=/d").path == "/task/query?task_id=a+b%26c%3D%2Fd"


def test_a_record_of_the_guides_five_fields_is_enough() -> None:
    assert read(calls.query("t"), 200, QUERIED) == TaskRecord("t", "completed", "completed", "u", 1.5, {"output": "x"})


def test_a_record_says_what_the_task_waits_for_and_whose_it_is() -> None:
    waits = {"task_status": "queued", "result": None, "reason": "behind task a", "agent_id": "w", "error_code": "x"}
    record = read(calls.query("t"), 200, {**QUERIED, **waits})
    assert (record.reason, record.agent_id, record.error_code) == ("behind task a", "w", "x")


@pytest.mark.parametrize(
    ("extra", "failure"),
    [
        ({}, ""),
        ({"state": "failed", "error": "three attempts"}, "three attempts"),
        ({"state": "cancelled", "result": {"status": "error", "error": "stopped"}}, "stopped"),
        ({"result": {"status": "error", "error": "boom"}}, "boom"),
        ({"state": "failed", "error": "see the result", "result": {"status": "error", "error": "boom"}}, "boom"),
        ({"state": "failed", "error": "see the result", "result": {"status": "error", "code": 7}}, "see the result"),
        ({"state": "failed", "error": "no room", "result": {"error": "of another kind"}}, "no room"),
        ({"task_status": "scheduled", "state": "running", "result": None}, ""),
    ],
)
def test_a_failure_is_known_by_state_or_result(extra: dict[str, Any], failure: str) -> None:
    record = read(calls.query("t"), 200, {**QUERIED, **extra})
    assert record.failure == failure
    assert record.has_failed == bool(failure)


def test_every_mapping_can_be_an_input() -> None:
    given = MappingProxyType({"x": 1})
    one, [many] = calls.submit("m", given, given, None, None), calls.submit_batches("m", [given], given, None)
    assert json.loads(one.body or b"")["task_input"] == {"x": 1}
    assert json.loads(many.body or b"")["tasks"][0]["task_input"] == {"x": 1}
