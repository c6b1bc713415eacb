"""POST /notify/task_complete and /notify/task_yielded: an instance's report on its way to its dispatcher.

Instances of the older protocol use ids of their own and may report before they have answered the push, so
the id may be a moment ahead of the record of it: an unknown task is looked up again for up to a second.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends

from actors.addresses import dispatcher
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import Report, ReportYield
from actors.messages.tasks import CHECKPOINT_BYTES
from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL
from gateway.bad_request import BadRequest, name_of
from gateway.edge import Edge
from gateway.expecting import ask
from gateway.front_door import edge_of
from gateway.json_body import decode_part
from gateway.remote_ids import task_reported
from gateway.rest_submit import decode_request, explain
from gateway.schemas_notify import CompletionRequest, CompletionResponse, YieldReport, YieldResponse
from gateway.strict_route import ERRORS, StrictRoute

PAUSES_S: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.33)
"""Between the look-ups of a task that nobody knows (yet)."""

router = APIRouter(tags=["instances"], route_class=StrictRoute, responses=ERRORS)


class _Completion(msgspec.Struct):
    task_id: str
    execution_time: float
    result: msgspec.Raw
    instance_id: Any = ""
    attempt: int = 0
    resumption: int = 0


_COMPLETION: Final = msgspec.json.Decoder(_Completion)


async def task_complete(edge: Edge, query: bytes, body: bytes) -> bytes:
    """Take a report in. A repeat is a success; an unknown task is a warning, never an error."""
    request = decode_request(_COMPLETION, CompletionRequest, body)
    task_id = name_of("task_id", request.task_id)
    _check_numbers(request)
    result = bytes(request.result)
    content = decode_part(result, body)
    if content is not None and not isinstance(content, dict):
        raise explain(CompletionRequest, body)
    row = await _find(edge, task_id, str(request.instance_id))
    if row is None:
        return _answer("warning", f"Task {task_id} not found", 0.0)
    if row.state not in TERMINAL:
        if not row.attempt:  # it may be meant for one, and wait
            return _answer("warning", _not_given(task_id), _age_ms(row))
        is_error = content is not None and content.get("status") == "error"
        await ask(edge, dispatcher(row.scheduled_ti), _report(request, row, result, is_error), ReportAnswered)
    return _answer("success", f"Task {task_id} completion processed", _age_ms(row))


def _report(request: _Completion, row: TaskRow, result: bytes, is_error: bool) -> Report:
    return Report(
        task_id=row.task_id,
        attempt=request.attempt,
        agent_id=row.agent_id,
        instance_id=str(request.instance_id)[:255],
        execution_ms=request.execution_time,
        result=result,
        is_error=is_error,
        resumption=request.resumption,
    )


def yield_message(report: YieldReport, row: TaskRow) -> ReportYield:
    """The report of a run that has given way, for the dispatcher that the task was given to. Raises BadRequest."""
    checkpoint = msgspec.json.encode(report.checkpoint)
    if len(checkpoint) > CHECKPOINT_BYTES:
        raise BadRequest("checkpoint", f"must not be larger than {CHECKPOINT_BYTES} bytes", len(checkpoint))
    return ReportYield(
        task_id=row.task_id,
        attempt=report.attempt,
        resumption=report.resumption,
        agent_id=row.agent_id,
        instance_id=str(report.instance_id)[:255],
        execution_ms=report.execution_time,
        checkpoint=checkpoint,
    )


def _not_given(task_id: str) -> str:
    return f"Task {task_id} has not been given to any TaskInstance"


async def _find(edge: Edge, task_id: str, instance_id: str) -> TaskRow | None:
    row = await task_reported(edge, task_id, instance_id)
    for pause in PAUSES_S:
        if row is not None:
            break
        await asyncio.sleep(pause)
        row = await task_reported(edge, task_id, instance_id)
    return row


def _check_numbers(request: _Completion) -> None:
    if not math.isfinite(request.execution_time) or request.execution_time < 0:
        rule = "must be a finite number of milliseconds, 0 or more"
        raise BadRequest("execution_time", rule, request.execution_time)
    if not 0 <= request.attempt < 2**31:
        raise BadRequest("attempt", "must be an integer, 0 or more", request.attempt)
    if not 0 <= request.resumption < 2**31:
        raise BadRequest("resumption", "must be an integer, 0 or more", request.resumption)


def _age_ms(row: TaskRow) -> float:
    return max(0.0, round((time.time() - row.submitted_at) * 1000, 3))


def _answer(status: str, message: str, total_time_ms: float) -> bytes:
    return msgspec.json.encode({"status": status, "message": message, "total_time_ms": total_time_ms})


@router.post("/notify/task_complete", summary="Report that a task has ended")
async def documented_task_complete(body: CompletionRequest) -> CompletionResponse:
    """Called by a TaskInstance. The first report of a task counts; repeats are answered the same way."""
    raise AssertionError("answered at the front door")


@router.post("/notify/task_yielded", summary="Report that a run has given way")
async def task_yielded(body: YieldReport, edge: Annotated[Edge, Depends(edge_of)]) -> YieldResponse:
    """Called by a TaskInstance that was asked to let a run give way, where it did not answer with the checkpoint.

    Repeats are answered the same way. The report of a run that no longer counts changes nothing.
    """
    row = await _find(edge, body.task_id, str(body.instance_id))
    if row is None:
        return YieldResponse(status="warning", message=f"Task {body.task_id} not found")
    if row.state not in TERMINAL:
        if not row.attempt:  # it may be meant for one, and wait
            return YieldResponse(status="warning", message=_not_given(body.task_id))
        await ask(edge, dispatcher(row.scheduled_ti), yield_message(body, row), ReportAnswered)
    return YieldResponse(status="success", message=f"Task {body.task_id} yield processed")
