"""What the scheduler is told of a run: the body of `POST /notify/task_complete`, or of `/notify/task_yielded`."""

from __future__ import annotations

from typing import Any

import msgspec

from swarmpilot.instance.pushes import Push

COMPLETE = "/notify/task_complete"
YIELDED = "/notify/task_yielded"

_ENCODER = msgspec.json.Encoder()


class _Yield(msgspec.Struct):
    checkpoint: msgspec.Raw = msgspec.Raw()
    execution_time: float = 0.0


_YIELD = msgspec.json.Decoder(_Yield)


def encode_report(push: Push, instance_id: str, execution_ms: float, result: Any) -> bytes:
    """The report as JSON; a result that JSON cannot hold becomes an error result that says so."""
    return _ENCODER.encode(_facts(push, instance_id, execution_ms) | {"result": msgspec.Raw(encode_result(result))})


def encode_yield(push: Push, instance_id: str, execution_ms: float, checkpoint: bytes) -> bytes:
    """The report of a run that has given way; `checkpoint` is JSON text."""
    return _ENCODER.encode(_facts(push, instance_id, execution_ms) | {"checkpoint": msgspec.Raw(checkpoint)})


def yield_in(report: bytes) -> tuple[bytes, float] | None:
    """The checkpoint, as JSON text, and the execution time (ms) of a run that has given way; None of one that ended."""
    read = _YIELD.decode(report)
    checkpoint = bytes(read.checkpoint)
    return (checkpoint, read.execution_time) if checkpoint else None


def path_of(report: bytes) -> str:
    """Where the scheduler takes it."""
    return COMPLETE if yield_in(report) is None else YIELDED


def error_result(text: str, kind: str) -> dict[str, str]:
    """The result of a task that failed."""
    return {"status": "error", "error": text, "type": kind}


def failure_result(failure: BaseException) -> dict[str, str]:
    """The result of a task whose work raised."""
    kind = type(failure).__name__
    return error_result(failure_text(failure) or kind, kind)


def failure_text(failure: BaseException) -> str:
    """What it says, as text that JSON can hold; "" where it cannot say it: it is of the task's making, maybe odd."""
    try:
        return str(failure).encode(errors="backslashreplace").decode()
    except Exception:
        return ""


def encode_result(result: Any) -> bytes:
    """The result as the JSON text of an object, or null; what JSON cannot hold becomes an error that says so."""
    try:
        encoded = _ENCODER.encode(result)
    except Exception as failure:
        text = f"the function returned what JSON cannot hold ({type(result).__name__}): {failure_text(failure)}"
        return _ENCODER.encode(error_result(text, "ResultNotJson"))
    # The guide's result is an object; any other value goes where its examples have theirs.
    return encoded if encoded[:1] == b"{" or result is None else b'{"output":' + encoded + b"}"


def replaced_result(report: bytes, text: str) -> bytes:
    """The same report with an error in place of a result, or a checkpoint, that the scheduler will not take."""
    body = msgspec.json.decode(report)
    body.pop("checkpoint", None)
    return _ENCODER.encode({**body, "result": error_result(text, "ReportRefused")})


def _facts(push: Push, instance_id: str, execution_ms: float) -> dict[str, Any]:
    run = {"attempt": push.attempt} | ({"resumption": push.resumption} if push.resumption else {})
    return {"task_id": push.task_id, "instance_id": instance_id, "execution_time": execution_ms, **run}
