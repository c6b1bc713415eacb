"""The report of a task's end always is JSON that the scheduler can take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from swarmpilot.instance.pushes import Push
from swarmpilot.instance.reports import (
    COMPLETE,
    YIELDED,
    encode_report,
    encode_yield,
    failure_result,
    path_of,
    replaced_result,
    yield_in,
)

PUSH = Push("t:2", "t", 2, "m", {}, {})
RESUMED = Push("t:2.3", "t", 2, "m", {}, {}, resumption=3)


@dataclass
class Answer:
    text: str


def result_of(value: Any) -> Any:
    return json.loads(encode_report(PUSH, "one", 12.5, value))["result"]


def test_a_report_says_what_the_guide_asks_and_the_attempt() -> None:
    assert json.loads(encode_report(PUSH, "one", 12.5, {"output": "x"})) == {
        "task_id": "t",
        "instance_id": "one",
        "execution_time": 12.5,
        "result": {"output": "x"},
        "attempt": 2,
    }


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"a": [1, None]}, {"a": [1, None]}),
        (Answer("x"), {"text": "x"}),
        ("text", {"output": "text"}),
        ([1, 2], {"output": [1, 2]}),
        (0, {"output": 0}),
        (None, None),
    ],
)
def test_a_result_is_an_object(value: Any, result: Any) -> None:
    assert result_of(value) == result


@pytest.mark.parametrize("value", [object(), {"f": lambda: None}, "\ud800"])
def test_what_json_cannot_hold_is_an_error_that_says_so(value: Any) -> None:
    result = result_of(value)
    assert (result["status"], result["type"]) == ("error", "ResultNotJson")
    assert f"({type(value).__name__})" in result["error"]


def test_a_failure_without_words_is_named_by_its_type() -> None:
    assert failure_result(KeyError()) == {"status": "error", "error": "KeyError", "type": "KeyError"}


class Speechless(Exception):
    def __str__(self) -> str:
        raise AttributeError("response")


def test_a_failure_that_cannot_be_put_into_words_is_named_by_its_type() -> None:
    assert failure_result(Speechless()) == {"status": "error", "error": "Speechless", "type": "Speechless"}


def test_a_failure_that_names_a_file_whose_name_is_no_utf_8_says_so_as_text() -> None:
    failure = FileNotFoundError(2, "No such file or directory", b"caf\xe9".decode(errors="surrogateescape"))
    told = result_of(failure_result(failure))
    assert (told["type"], told["error"]) == (
        "FileNotFoundError",
        "[Errno 2] No such file or directory: 'caf\\udce9'",
    )


def test_a_refused_result_gives_way_to_an_error_and_the_rest_stays() -> None:
    before = encode_report(PUSH, "one", 12.5, {"output": "x" * 100})
    after = json.loads(replaced_result(before, "413 too large"))
    assert after.pop("result") == {"status": "error", "error": "413 too large", "type": "ReportRefused"}
    assert after == {"task_id": "t", "instance_id": "one", "execution_time": 12.5, "attempt": 2}


def test_a_run_that_resumed_an_attempt_says_so() -> None:
    assert json.loads(encode_report(RESUMED, "one", 1.0, {}))["resumption"] == 3


def test_a_run_that_gave_way_is_reported_with_its_checkpoint_and_elsewhere() -> None:
    report = encode_yield(RESUMED, "one", 12.5, b'{"step": 4}')
    assert json.loads(report) == {
        "task_id": "t",
        "instance_id": "one",
        "execution_time": 12.5,
        "checkpoint": {"step": 4},
        "attempt": 2,
        "resumption": 3,
    }
    assert yield_in(report) == (b'{"step": 4}', 12.5)
    assert path_of(report) == YIELDED
    ended = encode_report(PUSH, "one", 1.0, {"checkpoint": {}})
    assert (yield_in(ended), path_of(ended)) == (None, COMPLETE)


def test_a_refused_checkpoint_gives_way_to_an_error_of_the_task() -> None:
    after = replaced_result(encode_yield(PUSH, "one", 12.5, b"{}"), "413 too large")
    assert path_of(after) == COMPLETE
    assert json.loads(after)["result"] == {"status": "error", "error": "413 too large", "type": "ReportRefused"}
