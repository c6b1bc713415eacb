"""The service itself: health, strategies, metrics and the status page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from actors.addresses import SCHEDULER
from actors.errors import SwarmPilotError
from actors.messages.answers import ActivityRoomDescribed, QueuesDescribed, StrategySet
from actors.messages.scheduler import DescribeActivityRoom, DescribeQueues, SetStrategy
from gateway.bad_request import BadRequest
from gateway.edge import Edge
from gateway.expecting import ask
from gateway.front_door import edge_of
from gateway.health import look, shown
from gateway.metrics import Metrics
from gateway.rest_errors import RETRY_AFTER_S
from gateway.schemas_service import (
    ORDERS,
    OWN_STRATEGY,
    STRATEGIES,
    Health,
    Strategies,
    Strategy,
    StrategyRequest,
    StrategyResponse,
)
from gateway.strict_route import ERRORS, StrictRoute

_PAGE: Final = Path(__file__).parent / "static" / "index.html"

router = APIRouter(tags=["service"], route_class=StrictRoute, responses=ERRORS)

TheEdge = Annotated[Edge, Depends(edge_of)]


@router.get(
    "/health", summary="Health check", responses={503: {"model": Health, "description": "Starting, draining or ill."}}
)
async def health(response: Response, edge: TheEdge) -> Health:
    """Whether the service is up and takes tasks, and which part of it does not work."""
    now = await look(edge)
    if now.health != "healthy":
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return shown(now, edge.settings)


@router.post("/scheduler/set", summary="Choose the placement strategy, or the order of the line")
async def set_strategy(body: StrategyRequest, edge: TheEdge) -> StrategyResponse:
    """For one model, or for all that have none of their own; tasks submitted from now on are placed by it.

    `order` chooses the order of the line instead, or as well; tasks that wait already keep their places.
    """
    if body.name is None and body.order is None:
        raise BadRequest("name", "must be given")
    wanted = SetStrategy(body.name or "", body.model_name or "", body.order or "")
    chosen = await ask(edge, SCHEDULER, wanted, StrategySet)
    said = [f"Strategy set to {chosen.name}"] if body.name else []
    said += [f"Order set to {chosen.order}"] if body.order else []
    text = ", ".join(said) + (f" for model {chosen.model_name}" if chosen.model_name else "")
    return StrategyResponse(
        status="success", message=text, name=chosen.name, model_name=chosen.model_name, order=chosen.order
    )


@router.get("/scheduler/strategies", summary="Placement strategies and orders of the line")
async def strategies(edge: TheEdge) -> Strategies:
    """What can be chosen, and what is in force."""
    described = await ask(edge, SCHEDULER, DescribeQueues(), QueuesDescribed)
    return Strategies(
        current=described.strategy,
        strategies=[*STRATEGIES, *(Strategy(name=own, description=OWN_STRATEGY) for own in described.own_strategies)],
        current_order=described.order,
        orders=list(ORDERS),
    )


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text exposition."}},
)
async def metrics(request: Request, edge: TheEdge) -> Response:
    """Requests, tasks by state, lines and waits. What cannot be asked for now keeps its last value."""
    known: Metrics = request.app.state.metrics
    known.show_process(edge.status())
    try:
        known.show_tasks(await edge.reader.count_by_state())
        known.show_queues(await ask(edge, SCHEDULER, DescribeQueues(), QueuesDescribed))
        known.show_activity(await ask(edge, SCHEDULER, DescribeActivityRoom(), ActivityRoomDescribed))
    except SwarmPilotError:
        known.count_stale_scrape()
    return Response(known.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The status page."""
    return FileResponse(_PAGE, media_type="text/html")
