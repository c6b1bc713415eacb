"""GET /task/query and /task/story: what the store knows of a task."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, Depends, Query

from actors.addresses import SCHEDULER, kind_of_shard
from actors.errors import AnswerTimeout, BrokerUnavailable
from actors.messages.answers import WaitExplained
from actors.messages.scheduler import ExplainWait
from actors.messages.tasks import IMPLICIT_AGENT
from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL, TaskState
from actors.task_record import record_of
from gateway.bad_request import BadRequest
from gateway.edge import Edge
from gateway.front_door import edge_of
from gateway.json_body import decode_json
from gateway.rest_errors import Problem
from gateway.schemas_tasks import StoryEvent, TaskRecord, TaskStory
from gateway.strict_route import ERRORS, NOT_FOUND, StrictRoute

router = APIRouter(tags=["tasks"], route_class=StrictRoute, responses=ERRORS | NOT_FOUND)

EXPLAIN_WITHIN_S: Final = 1.0
"""How long a query waits for the scheduler's word; the rest of its answer needs the store alone."""

TaskId = Annotated[str, Query(description="Id of the task, as /queue/submit answered it.", examples=["task-abc123"])]


async def task_query(edge: Edge, query: bytes, body: bytes) -> bytes:
    """A task's record; its result goes out byte for byte as it was reported."""
    task_ids = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("task_id")
    if not task_ids:
        raise BadRequest("task_id", "must be given")
    row = await _found(edge, task_ids[-1])
    result = await edge.reader.payload(row.task_id, "result") if row.state in TERMINAL else None
    return record_of(row, result, await _wait_reason(edge, row))


async def _wait_reason(edge: Edge, row: TaskRow) -> str:
    """What the task waits for, as the scheduler knows it; "" where it does not wait, or nobody answers.

    A plain task waits for an instance and for nothing else: most clients ask again and again about those, so that
    the scheduler is not asked. One that has to give way, or has, waits in a way that is worth a word.
    """
    is_plain = not row.scope and row.agent_id.startswith(IMPLICIT_AGENT)
    if row.state not in (TaskState.PREEMPTING, TaskState.SUSPENDED) and (is_plain or row.state is not TaskState.QUEUED):
        return ""
    try:
        answer = await edge.asker.ask(SCHEDULER, ExplainWait(row.task_id), timeout=EXPLAIN_WITHIN_S)
    except (AnswerTimeout, BrokerUnavailable):
        return ""
    return answer.reason if isinstance(answer, WaitExplained) else ""


async def _found(edge: Edge, task_id: str) -> TaskRow:
    row = await edge.reader.task(task_id)
    if row is None:
        raise Problem(404, f"Task {task_id} not found")
    return row


@router.get("/task/query", summary="Query a task")
async def documented_task_query(task_id: TaskId) -> TaskRecord:
    """The status of a submitted task, and its result once it has ended."""
    raise AssertionError("answered at the front door")


@router.get("/task/story", summary="Everything recorded about a task")
async def task_story(task_id: TaskId, edge: Annotated[Edge, Depends(edge_of)]) -> TaskStory:
    """The journal of one task: every event, with the time and the message that brought it about."""
    row = await _found(edge, task_id)
    entries = await edge.reader.story(row.task_id)
    events = [
        StoryEvent(
            seq=e.seq,
            actor=f"{kind_of_shard(e.shard)}/{e.key}",
            at=e.at,
            cause=e.cause,
            kind=e.kind,
            event=decode_json(msgspec.Raw(e.body)),
        )
        for e in entries
    ]
    return TaskStory(task_id=row.task_id, events=events)
