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
from actors.messages.answers import Refused, TaskStopped, TaskTaken, WorkerAlive, WorkerLeaving, YieldNoted
from actors.messages.dispatcher import Report, ReportProgress, ReportYield
from actors.messages.scheduler import MOST_CAPACITY, AttachWorker, DetachWorker
from actors.messages.tasks import CHECKPOINT_BYTES, SECTION_MS
from gateway.bad_request import BadRequest, line_of, name_of, object_of, whole_number_of
from gateway.json_body import check_nesting, decode_json
from gateway.translate import ACTIVITY_FIELDS, agent_name, shown_text

MOST_ENVELOPES: Final = 256
MOST_WORKER_ID_BYTES: Final = 200
"""The id is part of the name of a queue, which AMQP limits to 255 bytes."""

WorkerAnswer: TypeAlias = TaskTaken | YieldNoted | TaskStopped | WorkerAlive | WorkerLeaving | Refused
RunReport: TypeAlias = Report | ReportYield | ReportProgress
"""What a worker says of a run, to its dispatcher."""


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


def check_request(message: object, worker_id: str, limit: int) -> RunReport | DetachWorker:
    """What a worker may ask once it is attached. `limit`: bytes of a result. Raises BadRequest or BadFrame."""
    if isinstance(message, DetachWorker):
        return DetachWorker(worker_id)
    if not isinstance(message, RunReport):
        raise BadFrame(f"{type(message).__name__} is nothing that a worker asks")
    name_of("task_id", message.task_id)
    whole_number_of("attempt", message.attempt, 1, 2**31 - 1)
    whole_number_of("resumption", message.resumption, 0, 2**31 - 1)
    if isinstance(message, ReportProgress):
        _check_progress(message)
        return message
    _check_number("execution_ms", message.execution_ms, math.inf, "milliseconds")
    if isinstance(message, ReportYield):
        _check_checkpoint(message.checkpoint)
    else:
        _check_result(message.result, limit)
    return message


def check_answer(answer: WorkerAnswer) -> WorkerAnswer:
    """What a worker may answer. Raises BadRequest."""
    if isinstance(answer, YieldNoted):
        line_of("section", answer.section)
        _check_number("deferred_ms", answer.deferred_ms, SECTION_MS, "milliseconds")
    return answer


def _check_result(result: bytes, limit: int) -> None:
    if len(result) > limit:
        raise BadRequest("result", f"must not be larger than {limit} bytes", len(result))
    content = decode_json(result)
    if content is not None and not isinstance(content, dict):
        raise BadRequest("result", "must be a JSON object or null", content)


def _check_checkpoint(checkpoint: bytes) -> None:
    if len(checkpoint) > CHECKPOINT_BYTES:
        raise BadRequest("checkpoint", f"must not be larger than {CHECKPOINT_BYTES} bytes", len(checkpoint))
    object_of("checkpoint", decode_json(checkpoint))


def _check_progress(message: ReportProgress) -> None:
    """None and no checkpoint leave what was said before."""
    if message.progress is not None:
        _check_number("progress", message.progress, 1.0, "")
    if message.activity is not None:
        for name in ACTIVITY_FIELDS:
            shown_text(f"activity.{name}", name, getattr(message.activity, name))
    if message.checkpoint:
        _check_checkpoint(message.checkpoint)


def _check_number(field: str, value: float, highest: float, unit: str) -> None:
    if math.isfinite(value) and 0 <= value <= highest:
        return
    kind = f"a finite number of {unit}" if unit else "a number"
    raise BadRequest(
        field, f"must be {kind}, {'0 or more' if highest == math.inf else f'from 0 to {highest:g}'}", value
    )


def worker_name(value: object) -> str:
    """The value, where a worker may be called so. Raises BadRequest."""
    name = name_of("worker_id", value)
    if len(name.encode()) > MOST_WORKER_ID_BYTES:
        raise BadRequest("worker_id", f"must not be longer than {MOST_WORKER_ID_BYTES} bytes", name)
    return name
