"""GET /queue/explain: why a task is where it is, by the scheduler's own numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from actors.addresses import SCHEDULER
from actors.messages.answers import PlacementExplained
from actors.messages.scheduler import ExplainPlacement
from gateway.edge import Edge
from gateway.expecting import ask
from gateway.front_door import edge_of
from gateway.rest_errors import Problem
from gateway.rest_tasks import TaskId
from gateway.schemas_explain import Explanation
from gateway.strict_route import ERRORS, NOT_FOUND, StrictRoute

router = APIRouter(tags=["tasks"], route_class=StrictRoute, responses=ERRORS | NOT_FOUND)


@router.get("/queue/explain", summary="Why a task runs where it does, or waits")
async def queue_explain(task_id: TaskId, edge: Annotated[Edge, Depends(edge_of)]) -> Explanation:
    """The numbers of all candidates: as they were when the task was last started or, while it waits, as they are.

    Starts are remembered for a while (`explain_starts`), and not over a restart of the scheduler.
    """
    explained = await ask(edge, SCHEDULER, ExplainPlacement(task_id), PlacementExplained)
    if explained.status != "unknown":
        return Explanation.model_validate(explained, from_attributes=True)
    if await edge.reader.task(task_id) is None:
        raise Problem(404, f"Task {task_id} not found")
    raise Problem(
        404, f"Task {task_id} was started too long ago, or not at all: nothing is remembered of its placement"
    )
