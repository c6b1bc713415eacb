"""What the scheduler is told of a task's end: the body of `POST /notify/task_complete`."""

from __future__ import annotations

from typing import Any

import msgspec

from swarmpilot.instance.pushes import Push

_ENCODER = msgspec.json.Encoder()


def encode_report(push: Push, instance_id: str, execution_ms: float, result: Any) -> bytes:
    """The report as JSON; a result that JSON cannot hold becomes an error result that says so."""
    return _ENCODER.encode(
        {
            "task_id": push.task_id,
            "instance_id": instance_id,
            "execution_time": execution_ms,
            "result": msgspec.Raw(encode_result(result)),
            "attempt": push.attempt,
        }
    )


def error_result(text: str, kind: str) -> dict[str, str]:
    """The result of a task that failed."""
    return {"status": "error", "error": text, "type": kind}


def failure_result(failure: BaseException) -> dict[str, str]:
    """The result of a task whose work raised."""
    kind = type(failure).__name__
    return error_result(str(failure) or kind, kind)


def encode_result(result: Any) -> bytes:
    """The result as the JSON text of an object, or null; what JSON cannot hold becomes an error that says so."""
    try:
        encoded = _ENCODER.encode(result)
    except Exception as failure:
        text = f"the function returned what JSON cannot hold ({type(result).__name__}): {failure}"
        return _ENCODER.encode(error_result(text, "ResultNotJson"))
    # The guide's result is an object; any other value goes where its examples have theirs.
    return encoded if encoded[:1] == b"{" or result is None else b'{"output":' + encoded + b"}"


def replaced_result(report: bytes, text: str) -> bytes:
    """The same report with an error in place of a result that the scheduler will not take."""
    body = msgspec.json.decode(report)
    return _ENCODER.encode({**body, "result": error_result(text, "ReportRefused")})
