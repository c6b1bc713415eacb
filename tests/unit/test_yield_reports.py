"""What an instance says of a run that has given way, as the dispatcher is told it."""

from __future__ import annotations

import pytest

from actors.messages.dispatcher import ReportYield
from actors.store import TaskRow
from actors.task_lifecycle import TaskState
from gateway.bad_request import BadRequest
from gateway.rest_notify import yield_message
from gateway.schemas_notify import YieldReport

ROW = TaskRow("ours", "worker-1", "m", 0, "", "rest", "d", TaskState.PREEMPTING, 1.5, "ti", 2, remote_id="theirs")


def test_the_report_names_the_run_and_holds_the_checkpoint_as_json() -> None:
    report = YieldReport.model_validate(
        {
            "task_id": "theirs",
            "instance_id": "i" * 300,
            "attempt": 2,
            "resumption": 1,
            "execution_time": 12.5,
            "checkpoint": {"step": 3, "seen": ["é", None, 1.0]},
        }
    )
    assert yield_message(report, ROW) == ReportYield(
        task_id="ours",
        attempt=2,
        resumption=1,
        agent_id="worker-1",
        instance_id="i" * 255,
        execution_ms=12.5,
        checkpoint='{"step":3,"seen":["é",null,1.0]}'.encode(),
    )


def test_a_checkpoint_larger_than_a_megabyte_is_refused() -> None:
    body = {"task_id": "t", "attempt": 1, "execution_time": 0.0}
    yield_message(YieldReport.model_validate({**body, "checkpoint": {"a": "x" * (2**20 - 8)}}), ROW)
    with pytest.raises(BadRequest, match="field `checkpoint`: must not be larger than 1048576 bytes; got 1048577"):
        yield_message(YieldReport.model_validate({**body, "checkpoint": {"a": "x" * (2**20 - 7)}}), ROW)


def test_a_first_run_need_not_say_that_it_resumes_none() -> None:
    report = YieldReport.model_validate({"task_id": "t", "attempt": 1, "execution_time": 0.0, "checkpoint": {}})
    message = yield_message(report, ROW)
    assert (message.attempt, message.resumption, message.instance_id) == (1, 0, "")
