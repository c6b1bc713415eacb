"""What TaskInstances answer, read leniently: they are other people's programs, of two generations.

newer, GET /info: {deployed_model: {model_name, replicas} | null, queue_info, instance_status, uptime, capabilities}
older, GET /status: the same facts, flat or inside `data`, under one of several names
POST /task/{id}/preempt: {checkpoint, execution_time} of a run that has given way, else {section, deferred_ms}
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.courier import InstanceReport
from actors.errands import Endpoint, PushToInstance, YieldOnInstance
from actors.messages.dispatcher import PushAnswered, YieldAnswered
from actors.messages.scheduler import MOST_CAPACITY
from actors.messages.tasks import CHECKPOINT_BYTES, SECTION_MS

_LONGEST_DETAIL = 300
_LONGEST_ID = 255
"""A report cannot name a task by more, and a store may not find one by more than a few times that."""
_LONGEST_DURATION = 1e18
_BUSY = (408, 429)
_GONE = (404, 409, 410)
_MODEL_KEYS = ("model_name", "model", "deployed_model", "model_id")
_CAPACITY_KEYS = ("replicas", "replicas_running", "num_replicas", "capacity")
_UPTIME_KEYS = ("uptime", "uptime_s", "uptime_seconds")


class _Yielding(msgspec.Struct):
    success: Any = None
    status: Any = None
    checkpoint: msgspec.Raw = msgspec.Raw(b"null")
    execution_time: Any = None
    section: Any = None
    deferred_ms: Any = None


class Unreadable(ValueError):
    """An answer that is none; the text says why."""


def describe(status: int, body: bytes) -> str:
    """An HTTP answer in one line: its status and the beginning of its text."""
    return f"{status} {body.decode('utf-8', 'replace')[:_LONGEST_DETAIL]}".strip()


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in the body, None where it is something else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_push(errand: PushToInstance, status: int, body: bytes) -> PushAnswered:
    """What a push was answered: a 2xx that does not say it is an error means accepted.

    A 2xx whose text is no JSON object is an acceptance too. An id that no report could name is none.
    """
    task_id, attempt, resumption = errand.task_id, errand.attempt, errand.resumption
    answer = read_object(body) or {}
    says_no = answer.get("success") is False or answer.get("status") == "error"
    if not 200 <= status < 300 or says_no:
        is_fault = status >= 500 or status in _BUSY
        detail = describe(status, body)
        return PushAnswered(task_id, attempt, "refused", detail, is_fault=is_fault, resumption=resumption)
    remote_id = answer.get("task_id")
    own = str(remote_id) if isinstance(remote_id, str | int) and not isinstance(remote_id, bool) else ""
    other_id = "" if own == task_id or len(own) > _LONGEST_ID else own
    return PushAnswered(task_id, attempt, "accepted", remote_id=other_id, resumption=resumption)


def read_yield(errand: YieldOnInstance, status: int, body: bytes) -> YieldAnswered:
    """What an instance says to a run that is to give way: a checkpoint means that it has, any other 200 or 202 that it
    will. Raises Unreadable where that cannot be told.
    """
    run = errand.task_id, errand.attempt, errand.resumption
    if status in _GONE:
        return YieldAnswered(*run, "gone")
    if status not in (200, 202):
        raise Unreadable(describe(status, body))
    try:
        answer = msgspec.json.decode(body, type=_Yielding) if body.lstrip().startswith(b"{") else _Yielding()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"{error}: {describe(status, body)}") from None
    if answer.success is False or answer.status == "error":
        raise Unreadable(describe(status, body))
    checkpoint = bytes(answer.checkpoint).strip()
    if checkpoint == b"null":
        section = answer.section[:_LONGEST_DETAIL] if isinstance(answer.section, str) else ""
        return YieldAnswered(
            *run, "noted", section=section, deferred_ms=min(_duration(answer.deferred_ms) or 0.0, SECTION_MS)
        )
    if read_object(checkpoint) is None:
        raise Unreadable(f"the checkpoint must be a JSON object, got {checkpoint[:100].decode(errors='replace')}")
    if len(checkpoint) > CHECKPOINT_BYTES:
        raise Unreadable(f"the checkpoint must not be larger than {CHECKPOINT_BYTES} bytes, and has {len(checkpoint)}")
    return YieldAnswered(*run, "yielded", checkpoint, _duration(answer.execution_time) or 0.0)


def read_report(endpoint: Endpoint, answer: dict[str, Any]) -> InstanceReport:
    """What an instance says of itself, whichever of the shapes it uses."""
    flat = {**answer, **_inner(answer, "data")}
    model = _inner(flat, "deployed_model")
    capabilities = flat.get("capabilities")
    return InstanceReport(
        endpoint,
        model_name=next((v for v in _values(_MODEL_KEYS, model, flat) if isinstance(v, str)), ""),
        capacity=next((min(v, MOST_CAPACITY) for v in _values(_CAPACITY_KEYS, model, flat) if _counts(v)), None),
        uptime_s=read_uptime(flat),
        capabilities=tuple(str(name) for name in capabilities) if isinstance(capabilities, list) else (),
    )


def read_uptime(answer: dict[str, Any]) -> float | None:
    """Seconds since the instance was started, None where it does not tell."""
    told = map(_duration, _values(_UPTIME_KEYS, answer, _inner(answer, "data")))
    return next((uptime for uptime in told if uptime is not None), None)


def _counts(value: object) -> bool:
    return type(value) is int and value > 0


def _duration(value: object) -> float | None:
    """None where it is none: of another type, negative, or of more digits than a float takes."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_DURATION:
        return None
    return float(value)


def _inner(answer: dict[str, Any], key: str) -> dict[str, Any]:
    value = answer.get(key)
    return value if isinstance(value, dict) else {}


def _values(keys: tuple[str, ...], *objects: dict[str, Any]) -> list[Any]:
    return [found[key] for found in objects for key in keys if key in found]
