"""What TaskInstances answer, read leniently: they are other people's programs, of two generations.

newer, GET /info: {deployed_model: {model_name, replicas} | null, queue_info, instance_status, uptime, capabilities}
older, GET /status: the same facts, flat or inside `data`, under one of several names
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from actors.courier import InstanceReport
from actors.errands import Endpoint
from actors.messages.dispatcher import PushAnswered

_LONGEST_DETAIL = 300
_BUSY = (408, 429)
_MODEL_KEYS = ("model_name", "model", "deployed_model", "model_id")
_CAPACITY_KEYS = ("replicas", "replicas_running", "num_replicas", "capacity")
_UPTIME_KEYS = ("uptime", "uptime_s", "uptime_seconds")


def describe(status: int, body: bytes) -> str:
    """An HTTP answer in one line: its status and the beginning of its text."""
    return f"{status} {body.decode('utf-8', 'replace')[:_LONGEST_DETAIL]}".strip()


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in the body, None where it is something else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def read_push(task_id: str, attempt: int, status: int, body: bytes) -> PushAnswered:
    """What a push was answered: a 2xx that does not say it is an error means accepted.

    A 2xx whose text is no JSON object is an acceptance too.
    """
    answer = read_object(body) or {}
    says_no = answer.get("success") is False or answer.get("status") == "error"
    if not 200 <= status < 300 or says_no:
        is_fault = status >= 500 or status in _BUSY
        return PushAnswered(task_id, attempt, "refused", describe(status, body), is_fault=is_fault)
    remote_id = answer.get("task_id")
    own = str(remote_id) if isinstance(remote_id, str | int) and not isinstance(remote_id, bool) else ""
    return PushAnswered(task_id, attempt, "accepted", remote_id="" if own == task_id else own)


def read_report(endpoint: Endpoint, answer: dict[str, Any]) -> InstanceReport:
    """What an instance says of itself, whichever of the shapes it uses."""
    flat = {**answer, **_inner(answer, "data")}
    model = _inner(flat, "deployed_model")
    capabilities = flat.get("capabilities")
    return InstanceReport(
        endpoint,
        model_name=next((v for v in _values(_MODEL_KEYS, model, flat) if isinstance(v, str)), ""),
        capacity=next((v for v in _values(_CAPACITY_KEYS, model, flat) if type(v) is int and v > 0), None),
        uptime_s=read_uptime(flat),
        capabilities=tuple(str(name) for name in capabilities) if isinstance(capabilities, list) else (),
    )


def read_uptime(answer: dict[str, Any]) -> float | None:
    """Seconds since the instance was started, None where it does not tell."""
    for value in _values(_UPTIME_KEYS, answer, _inner(answer, "data")):
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0:
            return float(value)
    return None


def _inner(answer: dict[str, Any], key: str) -> dict[str, Any]:
    value = answer.get(key)
    return value if isinstance(value, dict) else {}


def _values(keys: tuple[str, ...], *objects: dict[str, Any]) -> list[Any]:
    return [found[key] for found in objects for key in keys if key in found]
