"""What is said over REST about TaskInstances and their queues (the guide, sections 2, 3 and 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from actors.messages.scheduler import MOST_CAPACITY
from gateway.schema_fields import Host, Name, Port, Request, Response

_UUID = "550e8400-e29b-41d4-a716-446655440000"


class RegisterRequest(Request):
    """A TaskInstance that wants work."""

    host: Host = Field(description="Host name or IP address of the instance.", examples=["192.168.1.100"])
    port: Port = Field(description="Port number of the instance.", examples=[8100])
    model_name: Name | None = Field(
        None, description="Model that it runs; without it, the one that the instance names.", examples=["gpt-3.5-turbo"]
    )
    capacity: int | None = Field(
        None,
        ge=1,
        le=MOST_CAPACITY,
        description="Tasks it runs at once; without it, the instance's own number of replicas, else 1.",
    )


class RegisterResponse(Response):
    """What came of the registration."""

    status: Literal["success", "error"] = Field(description="Whether it is registered now.")
    message: str = Field(
        description="The same in words.", examples=["TaskInstance registered successfully for model gpt-3.5-turbo"]
    )
    ti_uuid: str = Field(description="Id of the instance; empty where it was not registered.", examples=[_UUID])


class RemoveRequest(Request):
    """The TaskInstance that is to get no more work."""

    host: Host = Field(description="Host as it was registered.", examples=["192.168.1.100"])
    port: Port = Field(description="Port number as it was registered.", examples=[8100])


class RemoveResponse(Response):
    """What came of the removal. What runs there may finish, what waits goes elsewhere."""

    status: Literal["success", "error"] = Field(description="Whether such an instance was there.")
    message: str = Field(description="The same in words.", examples=["TaskInstance removed successfully"])
    host: str = Field(description="Host, as asked.")
    port: int = Field(description="Port number, as asked.")
    ti_uuid: str | None = Field(description="Id that the instance had; null where there was none.", examples=[_UUID])


class Queue(Response):
    """One instance and what a task submitted now would meet there."""

    model_name: str = Field(description="Model that it runs.", examples=["gpt-3.5-turbo"])
    ti_uuid: str = Field(description="Id of the instance.", examples=[_UUID])
    waiting_time_expect: float = Field(description="Expected waiting time, milliseconds.", examples=[120.5])
    waiting_time_error: float = Field(description="Standard deviation of it, milliseconds.", examples=[15.2])
    host: str = Field(description="Host of the instance.")
    port: int = Field(description="Port number of the instance.")
    condition: Literal["up", "down", "draining"] = Field(
        description="up: takes work. down: does not answer. draining: removed, finishing what it holds."
    )
    capacity: int = Field(description="Number of tasks it runs at once.")
    running: int = Field(description="Number of tasks it holds now.")
    waiting: int = Field(description="Number of tasks that wait and are meant for it.")


class QueueInfo(Response):
    """All instances asked for, and the totals of the scheduler."""

    status: Literal["success"] = Field(description="Always success; a failure is an HTTP error.")
    queues: list[Queue] = Field(description="The instances.")
    strategy: str = Field(description="Placement strategy in force.", examples=["shortest_queue"])
    waiting_total: int = Field(description="Number of tasks waiting, of all models.")
    running_total: int = Field(description="Number of tasks that instances hold, of all models.")
