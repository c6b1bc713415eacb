"""A client generated from scheduler.proto, as any user of the service would have one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from protos import scheduler_pb2_grpc


class Client:
    """The stub, and the channel for what else the server offers."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.stub: Any = scheduler_pb2_grpc.SchedulerServiceStub(channel)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client of the server on this loopback port, which may be sent more than 4 MB."""
    limit = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=limit) as channel:
        yield Client(channel)
