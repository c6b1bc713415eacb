"""What is sent to a TaskInstance: request bodies joined from stored JSON, without building them anew.

Source of the shapes: the two generations of the TaskInstance's protocol, `submit` and `enqueue`.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from actors.errands import PushToInstance
from actors.store import Payload
from actors.task_record import json_value

_ENCODE = msgspec.json.Encoder().encode


def push_body(errand: PushToInstance, task: Payload) -> bytes:
    """The body of the push.

    submit: {model_name, task_input, metadata, task_id}. enqueue: {input_data, metadata}. An input that is
    not JSON travels as {"content_type", "base64"}; no input at all as {}.
    """
    task_input = json_text(task.body, task.content_type)
    metadata = task.metadata or b"{}"
    if errand.endpoint.protocol == "enqueue":
        return b'{"input_data":%b,"metadata":%b}' % (task_input, metadata)
    return b'{"model_name":%b,"task_input":%b,"metadata":%b,"task_id":%b}' % (
        _ENCODE(errand.model_name),
        task_input,
        metadata,
        _ENCODE(errand.task_id),
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


def idempotency_key(task_id: str, attempt: int) -> str:
    """`<task_id>:<attempt>`, percent-encoded where the id holds what a header cannot."""
    if not (task_id.isascii() and task_id.isprintable()):
        task_id = quote(task_id)
    return f"{task_id}:{attempt}"
