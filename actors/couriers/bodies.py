"""What is sent to a TaskInstance: request bodies joined from stored JSON, without building them anew.

Source of the shapes: the two generations of the TaskInstance's protocol, `submit` and `enqueue`.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from actors.errands import CancelOnInstance, PushToInstance, YieldOnInstance
from actors.store import Payload
from actors.task_record import json_value

_ENCODE = msgspec.json.Encoder().encode


def push_body(errand: PushToInstance, task: Payload, checkpoint: Payload | None = None) -> bytes:
    """The body of the push.

    submit: {model_name, task_input, metadata, task_id}, and `checkpoint` where an earlier run has left one.
    enqueue: {input_data, metadata}. An input that is not JSON travels as {"content_type", "base64"}; no input at all
    as {}.
    """
    task_input = json_text(task.body, task.content_type)
    metadata = task.metadata or b"{}"
    if errand.endpoint.protocol == "enqueue":
        return b'{"input_data":%b,"metadata":%b}' % (task_input, metadata)
    left = b',"checkpoint":%b' % json_text(checkpoint.body, checkpoint.content_type) if checkpoint is not None else b""
    return b'{"model_name":%b,"task_input":%b,"metadata":%b,"task_id":%b%b}' % (
        _ENCODE(errand.model_name),
        task_input,
        metadata,
        _ENCODE(errand.task_id),
        left,
    )


def cancel_body(errand: CancelOnInstance) -> bytes:
    """{attempt}, and `resumption` where the attempt has been resumed."""
    which = {"attempt": errand.attempt}
    return _ENCODE(which | {"resumption": errand.resumption} if errand.resumption else which)


def yield_body(errand: YieldOnInstance) -> bytes:
    """{attempt, resumption, reason, grace_ms, terminate}."""
    return _ENCODE(
        {
            "attempt": errand.attempt,
            "resumption": errand.resumption,
            "reason": errand.reason,
            "grace_ms": errand.grace_ms,
            "terminate": errand.terminate,
        }
    )


def push_head(host: str, path: str) -> bytes:
    """What the head of every push to this instance begins with; `host` as in a URL, with its port."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: swarmpilot\r\nAccept: */*\r\n"
    return head.encode() + b"Content-Type: application/json\r\nIdempotency-Key: "


def whole_push(head: bytes, key: str, body: bytes) -> bytes:
    """The bytes of a whole push."""
    return b"%b%b\r\nContent-Length: %d\r\n\r\n%b" % (head, key.encode(), len(body), body)


def json_text(body: bytes, content_type: str) -> bytes:
    """A stored payload as JSON text."""
    if not body:
        return b"{}"
    value = json_value(body, content_type)
    return body if isinstance(value, msgspec.Raw) else _ENCODE(value)


def idempotency_key(run: PushToInstance | CancelOnInstance | YieldOnInstance) -> str:
    """`<task_id>:<attempt>`, for a resumed attempt `<task_id>:<attempt>.<resumption>`.

    The id is percent-encoded where it holds what a header cannot.
    """
    task_id = run.task_id
    if not (task_id.isascii() and task_id.isprintable()):
        task_id = quote(task_id)
    return f"{task_id}:{run.attempt}.{run.resumption}" if run.resumption else f"{task_id}:{run.attempt}"
