"""A task's public record, as `GET /task/query` answers it and callbacks carry it: one shape, made in one place.

Source: the guide, "Query Task Status". A client of the guide reads five fields; the others are ours.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec

from actors.store import Payload, TaskRow
from actors.task_lifecycle import TASK_STATUS, TERMINAL

_RAW = msgspec.json.Decoder(msgspec.Raw)
_ENCODER = msgspec.json.Encoder()


def record_of(row: TaskRow, result: Payload | None, reason: str = "") -> bytes:
    """The record as JSON text: `record_fields`, with the result as it is stored, byte for byte."""
    return _ENCODER.encode(record_fields(row, result, reason))


def record_fields(row: TaskRow, result: Payload | None, reason: str = "") -> dict[str, Any]:
    """The fields of the record; `result` is raw JSON (msgspec.Raw), a plain value, or None before the end.
    `reason` says what a waiting task waits for.

    `submit_time` is Unix seconds, `execution_time` milliseconds. A task that ended without a result of its
    own has {"status": "error", "error": why}, because the guide's clients look nowhere else.
    """
    return {
        "task_id": row.task_id,
        "task_status": TASK_STATUS[row.state],
        "scheduled_ti": row.scheduled_ti,
        "submit_time": row.submitted_at,
        "result": _result(row, result) if row.state in TERMINAL else None,
        "state": row.state.value,
        "reason": reason,
        "attempt": row.attempt,
        "agent_id": row.agent_id,
        "model_name": row.model_name,
        "priority": row.priority,
        "execution_time": row.execution_ms,
        "error": row.error,
        "error_code": row.error_code,
    }


def json_value(body: bytes, content_type: str) -> msgspec.Raw | dict[str, str]:
    """A stored payload as a JSON value: as it is where it is JSON, else wrapped with its content type.

    The syntax is checked (about 1 us a KiB) because the bytes are then joined into other JSON text.
    """
    if content_type.startswith("application/json") or content_type.partition(";")[0].endswith("+json"):
        try:
            return _RAW.decode(body)
        except msgspec.DecodeError:
            pass
    return {"content_type": content_type, "base64": b64encode(body).decode()}


def _result(row: TaskRow, result: Payload | None) -> msgspec.Raw | dict[str, str]:
    if result is not None:
        return json_value(result.body, result.content_type)
    return {"status": "error", "error": row.error or f"the task {row.state.value} without a result"}
