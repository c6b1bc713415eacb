"""Registering a TaskInstance: probe it, then tell the scheduler. Used by REST and by the configuration file."""

from __future__ import annotations

from uuid import uuid4

from actors.addresses import SCHEDULER
from actors.messages.answers import InstanceAccepted, Refused
from actors.messages.scheduler import RegisterInstance
from gateway.edge import Edge


class RegistrationRefused(Exception):
    """The instance answered, but cannot be registered; the text says why."""


async def register_instance(
    edge: Edge, host: str, port: int, model_name: str | None = None, capacity: int | None = None
) -> InstanceAccepted:
    """Probe the instance and register it for `model_name`, or for the model that it says it runs.

    `capacity` is how many tasks it runs at once; not given, its `replicas`, else 1.
    Raises InstanceUnreachable, RegistrationRefused, BrokerUnavailable, AnswerTimeout.
    """
    report = await edge.courier.discover(host, port)
    model = model_name or report.model_name
    if not model:
        raise RegistrationRefused(f"model_name: required, since the instance at {host}:{port} names no deployed model")
    message = RegisterInstance(
        ti_uuid=str(uuid4()),
        host=host,
        port=port,
        model_name=model,
        capacity=capacity or report.capacity or 1,
        protocol=report.endpoint.protocol,
        capabilities=report.capabilities,
    )
    answer = await edge.asker.ask(SCHEDULER, message)
    match answer:
        case InstanceAccepted():
            return answer
        case Refused():
            raise RegistrationRefused(answer.reason)
        case _:
            raise TypeError(f"the scheduler answered RegisterInstance with {type(answer).__name__}")
