"""POST /ti/register, POST /ti/remove, GET /queue/info: the instances and their queues."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from actors.addresses import SCHEDULER
from actors.courier import InstanceUnreachable
from actors.messages.answers import InstanceRemoval, QueueOfInstance, QueuesDescribed
from actors.messages.scheduler import DescribeQueues, RemoveInstance
from gateway.edge import Edge
from gateway.expecting import ask
from gateway.front_door import edge_of
from gateway.registering import RegistrationRefused, register_instance
from gateway.schemas_instances import (
    Queue,
    QueueInfo,
    RegisterRequest,
    RegisterResponse,
    RemoveRequest,
    RemoveResponse,
)
from gateway.strict_route import ERRORS, StrictRoute

router = APIRouter(tags=["instances"], route_class=StrictRoute, responses=ERRORS)

TheEdge = Annotated[Edge, Depends(edge_of)]


@router.post("/ti/register", summary="Register a TaskInstance")
async def register(body: RegisterRequest, edge: TheEdge) -> RegisterResponse:
    """Probe the instance, and give it work from now on. One that cannot be reached is not registered (status error).

    Registering the same host and port again updates the instance, which keeps its ti_uuid.
    """
    try:
        accepted = await register_instance(edge, body.host, body.port, body.model_name, body.capacity)
    except (InstanceUnreachable, RegistrationRefused) as error:
        return RegisterResponse(status="error", message=str(error), ti_uuid="")
    text = f"TaskInstance registered successfully for model {accepted.model_name}"
    return RegisterResponse(status="success", message=text, ti_uuid=accepted.ti_uuid)


@router.post("/ti/remove", summary="Remove a TaskInstance")
async def remove(body: RemoveRequest, edge: TheEdge) -> RemoveResponse:
    """Give the instance nothing more: what runs there finishes, what waits for it goes elsewhere."""
    removal = await ask(edge, SCHEDULER, RemoveInstance(body.host, body.port), InstanceRemoval)
    status: Literal["success", "error"] = "success"
    text = "TaskInstance removed successfully"
    if removal.ti_uuid is None:
        status, text = "error", f"TaskInstance at {body.host}:{body.port} not found"
    return RemoveResponse(status=status, message=text, host=body.host, port=body.port, ti_uuid=removal.ti_uuid)


@router.get("/queue/info", summary="Instances and their waiting times")
async def queue_info(
    edge: TheEdge,
    model_name: Annotated[str, Query(description="Only the instances of this model.", examples=["gpt-3.5-turbo"])] = "",
) -> QueueInfo:
    """All registered instances, each with the wait that a task submitted now would meet there."""
    described = await ask(edge, SCHEDULER, DescribeQueues(model_name), QueuesDescribed)
    return QueueInfo(
        status="success",
        queues=[_queue(queue) for queue in described.queues],
        strategy=described.strategy,
        waiting_total=described.waiting_total,
        running_total=described.running_total,
    )


def _queue(queue: QueueOfInstance) -> Queue:
    return Queue.model_validate(queue, from_attributes=True)
