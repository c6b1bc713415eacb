"""The gRPC server: `sw4rm.scheduler.SchedulerService`, our own `ActivityService`, and the standard health service.

A refusal is a response. A status other than OK means INVALID_ARGUMENT: mend the request; UNAVAILABLE:
send the same request again later, which is safe, because a repeat runs once; INTERNAL: our fault.
A draining server answers submits with UNAVAILABLE rather than `accepted: false`, because nothing is wrong
with the task: the client may try again, or elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import grpc
from grpc_health.v1 import health_pb2_grpc

from actors.addresses import SCHEDULER, Address, agent
from actors.messages import Answer, Message
from actors.settings import Settings
from gateway import rpc_translate as translate
from gateway.edge import Edge
from gateway.listening import listen, shown_address
from gateway.rpc_activity import SERVICE as ACTIVITY_SERVICE
from gateway.rpc_activity import ActivityServicer
from gateway.rpc_health import HealthServicer
from gateway.rpc_statuses import Context, NotServing, once_started, refuse
from protos import activity_pb2_grpc, scheduler_pb2_grpc
from protos import scheduler_pb2 as pb

Response = TypeVar("Response")

SERVICE: Final = "sw4rm.scheduler.SchedulerService"
ROOM_FOR_THE_REST: Final = 2 * 1024 * 1024
"""Bytes of a message beyond the params' limit, so that params too long meet our text, not gRPC's."""
MOST_WAITING_CALLS: Final = 100_000
"""Calls that have come and are not looked at yet."""


class SchedulerServicer(scheduler_pb2_grpc.SchedulerServiceServicer):
    """The five calls; each turns its request into a message, asks one actor, and turns the answer back."""

    def __init__(self, edge: Callable[[], Edge]) -> None:
        self._edge = edge

    async def SubmitTask(self, request: pb.SubmitTaskRequest, context: Context) -> pb.SubmitTaskResponse:  # noqa: N802
        return await self._answer(context, lambda: self._submit(request), translate.submit_response)

    async def RequestPreemption(self, request: pb.PreemptRequest, context: Context) -> pb.PreemptResponse:  # noqa: N802
        return await self._answer(
            context, lambda: (SCHEDULER, translate.preemption_message(request)), translate.preemption_response
        )

    async def ShutdownAgent(  # noqa: N802
        self, request: pb.ShutdownAgentRequest, context: Context
    ) -> pb.ShutdownAgentResponse:
        return await self._answer(
            context,
            lambda: (SCHEDULER, translate.shutdown_message(request, self._edge().settings.agent_shutdown_grace_s)),
            translate.shutdown_response,
        )

    async def PollActivityBuffer(  # noqa: N802
        self, request: pb.PollActivityBufferRequest, context: Context
    ) -> pb.PollActivityBufferResponse:
        return await self._answer(context, lambda: _to_agent(*translate.poll_message(request)), translate.poll_response)

    async def PurgeActivity(  # noqa: N802
        self, request: pb.PurgeActivityRequest, context: Context
    ) -> pb.PurgeActivityResponse:
        return await self._answer(
            context, lambda: _to_agent(*translate.purge_message(request)), translate.purge_response
        )

    def _submit(self, request: pb.SubmitTaskRequest) -> tuple[Address, Message]:
        settings = self._edge().settings
        message = translate.submit_message(
            request, now=time.time(), order=settings.priority_order, max_bytes=settings.max_body_bytes
        )
        if self._edge().phase() == "draining":
            raise NotServing("the service is draining and takes no new tasks now; send the same request again later")
        return SCHEDULER, message

    async def _answer(
        self,
        context: Context,
        question: Callable[[], tuple[Address, Message]],
        response: Callable[[Answer], Response],
    ) -> Response:
        """The response, or the status that the error stands for."""
        try:
            to, message = question()
            return response(await once_started(self._edge()).asker.ask(to, message))
        except Exception as error:
            await refuse(context, error)


def _to_agent(agent_id: str, message: Message) -> tuple[Address, Message]:
    return agent(agent_id), message


class RpcServer:
    """Listens on `settings.host:settings.grpc_port`. `edge` is that of now: before it serves there may be several."""

    def __init__(self, edge: Callable[[], Edge], settings: Settings) -> None:
        self._settings = settings
        limit = settings.max_body_bytes + ROOM_FOR_THE_REST
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.so_reuseport", 0),  # else a second scheduler would silently take half of the calls
                # Else it begins at 1,000 to answer some of those that wait for their turn with CANCELLED.
                ("grpc.server.max_pending_requests", MOST_WAITING_CALLS),
                ("grpc.server.max_pending_requests_hard_limit", MOST_WAITING_CALLS),
            ]
        )
        self._port: int | None = None
        self._health = HealthServicer(edge, ("", SERVICE, ACTIVITY_SERVICE))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        scheduler_pb2_grpc.add_SchedulerServiceServicer_to_server(SchedulerServicer(edge), self._server)  # type: ignore[no-untyped-call]
        activity_pb2_grpc.add_ActivityServiceServicer_to_server(ActivityServicer(edge), self._server)  # type: ignore[no-untyped-call]

    async def start(self) -> int:
        """Answer calls, where that is not done already; the port. Raises OSError where it cannot be had."""
        if self._port is None:
            host, port = self._settings.host, self._settings.grpc_port
            listen(host, port, " (gRPC)").close()  # gRPC does not tell why it cannot have a port
            try:
                self._port = self._server.add_insecure_port(shown_address(host, port))
            except RuntimeError as error:
                raise OSError(f"cannot listen on {shown_address(host, port)} (gRPC): {error}") from error
            await self._server.start()
        return self._port

    def begin_drain(self) -> None:
        """Have the health service tell its clients to go elsewhere; calls are still answered."""
        self._health.begin_drain()

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, and give those under way `grace_s` seconds to end."""
        self.begin_drain()
        await self._server.stop(grace_s)
