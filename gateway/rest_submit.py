"""POST /queue/submit and /queue/submit_batch: from the bytes of a request to the scheduler's answer."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final, TypeVar

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ValidationError

from actors.messages.answers import TaskAccepted
from gateway.bad_request import BadRequest, MalformedJson
from gateway.edge import Edge
from gateway.expecting import ask_to_admit, expect, refuse_while_draining
from gateway.json_body import decode_as, decode_json
from gateway.rest_errors import Problem, invalid_fields, problem_of
from gateway.schemas_tasks import BatchRequest, BatchResponse, SubmitRequest, SubmitResponse
from gateway.strict_route import CONFLICT, ERRORS, StrictRoute
from gateway.translate import build_submit, new_task_id

T = TypeVar("T")

MAX_BATCH: Final = 10_000
_OBJECT: Final = ord("{")
AT_ONCE: Final = 256
"""Tasks of a batch that are on their way at the same time: one batch must not crowd out everybody else."""

router = APIRouter(tags=["tasks"], route_class=StrictRoute, responses=ERRORS)


class _Task(msgspec.Struct, kw_only=True):
    task_input: msgspec.Raw
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    task_id: str | None = None


class _Submit(_Task, kw_only=True):
    model_name: str


class _Batch(msgspec.Struct):
    model_name: str
    tasks: list[_Task]


_SUBMIT: Final = msgspec.json.Decoder(_Submit)
_BATCH: Final = msgspec.json.Decoder(_Batch)


async def submit(edge: Edge, query: bytes, body: bytes) -> bytes:
    """Admit one task. The answer is written by hand: it is the service's most frequent one."""
    refuse_while_draining(edge)
    request = decode_request(_SUBMIT, SubmitRequest, body)
    if not _is_object(request.task_input):
        raise explain(SubmitRequest, body)
    try:
        accepted = await _admit(edge, request.model_name, request)
    except BadRequest as error:
        if isinstance(error.__cause__, MalformedJson):
            decode_json(body)  # says the same of the whole body, with the place in it
        raise
    return msgspec.json.encode(
        {"status": "success", "task_id": accepted.task_id, "scheduled_ti": accepted.scheduled_ti}
    )


async def submit_batch(edge: Edge, query: bytes, body: bytes) -> bytes:
    """Admit several tasks, each with a result of its own. Raises Problem (503) where one reason keeps all out."""
    refuse_while_draining(edge)
    request = decode_request(_BATCH, BatchRequest, body)
    decode_json(body)
    if not 0 < len(request.tasks) <= MAX_BATCH or not all(_is_object(task.task_input) for task in request.tasks):
        raise explain(BatchRequest, body)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: _Task) -> dict[str, Any]:
        async with gate:
            try:
                accepted = await _admit(edge, request.model_name, task)
            except Exception as error:
                problem = problem_of(error)
                return _result("error", code=problem.status_code, detail=problem.detail)
        return _result("success", accepted.task_id, accepted.scheduled_ti)

    results = await asyncio.gather(*(one(task) for task in request.tasks))
    # A task that may be admitted all the same has a reason of its own: the id to submit it again under.
    if {(result["code"], result["detail"]) for result in results} == {(503, results[0]["detail"])}:
        raise Problem(503, results[0]["detail"])
    count = sum(result["status"] == "success" for result in results)
    status = "success" if count == len(results) else "partial" if count else "error"
    return msgspec.json.encode({"status": status, "accepted": count, "results": results})


async def _admit(edge: Edge, model_name: str, task: _Task) -> TaskAccepted:
    metadata = bytes(task.metadata)
    now = time.time()
    message = build_submit(
        task_id=new_task_id(now) if task.task_id is None else task.task_id,
        now=now,
        order=edge.settings.priority_order,
        origin="rest",
        task_input=bytes(task.task_input),
        model_name=model_name,
        metadata=b"{}" if metadata == b"null" else metadata,
        id_is_fresh=task.task_id is None,
    )
    return expect(await ask_to_admit(edge, message), TaskAccepted)


def _is_object(value: msgspec.Raw) -> bool:
    return memoryview(value)[0] == _OBJECT


def decode_request(decoder: msgspec.json.Decoder[T], model: type[BaseModel], body: bytes) -> T:
    """The body, decoded fast; where it does not fit, `model` finds everything that is wrong with it."""
    try:
        return decode_as(decoder, body)
    except msgspec.ValidationError as error:
        raise explain(model, body, str(error)) from None


def explain(model: type[BaseModel], body: bytes, fallback: str = "the body does not fit") -> Problem:
    """What is wrong with the body, by the model that the OpenAPI document shows."""
    try:
        model.model_validate(decode_json(body))
    except ValidationError as error:
        return invalid_fields(error.errors())
    return Problem(422, fallback)


def _result(
    status: str, task_id: str = "", scheduled_ti: str = "", code: int = 200, detail: str = ""
) -> dict[str, Any]:
    return {"status": status, "task_id": task_id, "scheduled_ti": scheduled_ti, "code": code, "detail": detail}


@router.post("/queue/submit", responses=CONFLICT, summary="Submit a task")
async def documented_submit(body: SubmitRequest) -> SubmitResponse:
    """Submit a task for execution. It is recorded durably before the answer is given.

    503 with "No TaskInstances configured for model …" where no instance is registered for the model.
    """
    raise AssertionError("answered at the front door")


@router.post("/queue/submit_batch", summary="Submit several tasks for one model")
async def documented_submit_batch(body: BatchRequest) -> BatchResponse:
    """Submit several tasks at once, in the order in which they are to queue; each has a result of its own."""
    raise AssertionError("answered at the front door")
