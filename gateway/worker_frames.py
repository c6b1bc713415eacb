"""What an attached worker sends over its WebSocket, read and checked: it may say only what a worker has to say.

A frame is a JSON array of envelopes, as they travel over a broker: [id, kind, key, reply_to, store_id, type, body].
Whom an envelope is for is not taken from the worker: each kind of message has one receiver.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias
from uuid import uuid4

import msgspec

from actors.envelope import Envelope
from actors.envelope_json import decode_envelopes
from actors.messages.answers import Refused, TaskStopped, TaskTaken, WorkerAlive
from actors.messages.dispatcher import Report
from actors.messages.scheduler import AttachWorker, DetachWorker
from gateway.bad_request import BadRequest, name_of, whole_number_of
from gateway.json_body import check_nesting, decode_json
from gateway.translate import agent_name

MOST_ENVELOPES: Final = 256
MOST_WORKER_ID_BYTES: Final = 200
"""The id is part of the name of a queue, which AMQP limits to 255 bytes."""
MOST_CAPACITY: Final = 10_000

WorkerAnswer: TypeAlias = TaskTaken | TaskStopped | WorkerAlive | Refused


class BadFrame(ValueError):
    """What came is no frame of a worker; the text says why."""


def read_frame(frame: str) -> list[Envelope]:
    """The envelopes. Raises BadFrame."""
    try:
        body = frame.encode()
        check_nesting(body)
        envelopes = decode_envelopes(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadFrame(f"not a frame of envelopes: {error}") from None
    if len(envelopes) > MOST_ENVELOPES:
        raise BadFrame(f"a frame must not have more than {MOST_ENVELOPES} envelopes, got {len(envelopes)}")
    return envelopes


def attach_of(worker_id: object, agent_id: object, capacity: object, incarnation: object) -> AttachWorker:
    """The request of a worker to attach, with an id for it. Raises BadRequest."""
    return AttachWorker(
        ti_uuid=str(uuid4()),
        worker_id=worker_name(worker_id),
        agent_id=agent_name(agent_id),
        capacity=whole_number_of("capacity", capacity, 1, MOST_CAPACITY),
        incarnation=name_of("incarnation", incarnation),
    )


def first_of(envelopes: list[Envelope]) -> tuple[Envelope, AttachWorker]:
    """The AttachWorker that a connection begins with. Raises BadFrame or BadRequest."""
    message = envelopes[0].message if len(envelopes) == 1 else None
    if not isinstance(message, AttachWorker):
        raise BadFrame("the first frame must be AttachWorker, alone")
    return envelopes[0], attach_of(message.worker_id, message.agent_id, message.capacity, message.incarnation)


def check_request(message: object, worker_id: str, limit: int) -> Report | DetachWorker:
    """What a worker may ask once it is attached. `limit`: bytes of a result. Raises BadRequest or BadFrame."""
    if isinstance(message, DetachWorker):
        return DetachWorker(worker_id)
    if not isinstance(message, Report):
        raise BadFrame(f"{type(message).__name__} is nothing that a worker asks")
    name_of("task_id", message.task_id)
    whole_number_of("attempt", message.attempt, 1, 2**31 - 1)
    if not math.isfinite(message.execution_ms) or message.execution_ms < 0:
        raise BadRequest("execution_ms", "must be a finite number of milliseconds, 0 or more", message.execution_ms)
    if len(message.result) > limit:
        raise BadRequest("result", f"must not be larger than {limit} bytes", len(message.result))
    content = decode_json(message.result)
    if content is not None and not isinstance(content, dict):
        raise BadRequest("result", "must be a JSON object or null", content)
    return message


def worker_name(value: object) -> str:
    """The value, where a worker may be called so. Raises BadRequest."""
    name = name_of("worker_id", value)
    if len(name.encode()) > MOST_WORKER_ID_BYTES:
        raise BadRequest("worker_id", f"must not be longer than {MOST_WORKER_ID_BYTES} bytes", name)
    return name
