"""Which status a gRPC client sees for what: the server is real, and behind it stands an asker that fails as told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from actors.addresses import Address
from actors.errors import AnswerTimeout, BrokerUnavailable, StoreUnavailable
from actors.messages import Answer, Message
from actors.messages.answers import StrategySet, TaskAccepted
from actors.messages.scheduler import SubmitTask
from actors.settings import Settings
from actors.stores.sqlite import SqliteStore
from actors.vitals import Vitals
from gateway.edge import Edge, Phase, ServiceStatus
from gateway.rpc import SERVICE, RpcServer
from gateway.rpc_activity import SERVICE as ACTIVITY_SERVICE
from protos import scheduler_pb2 as pb
from tests.grpc_client import Client, connected

CALLS: dict[str, Any] = {
    "SubmitTask": pb.SubmitTaskRequest(agent_id="worker-1", task_id="task-123", params=b"{}"),
    "RequestPreemption": pb.PreemptRequest(agent_id="worker-1", task_id="task-123"),
    "ShutdownAgent": pb.ShutdownAgentRequest(agent_id="worker-1"),
    "PollActivityBuffer": pb.PollActivityBufferRequest(agent_id="worker-1"),
    "PurgeActivity": pb.PurgeActivityRequest(agent_id="worker-1"),
}


class OneAnswer:
    """An asker that answers everything alike, or fails, and remembers what it was asked."""

    def __init__(self, outcome: Answer | Exception) -> None:
        self.outcome = outcome
        self.asked: list[tuple[Address, Message]] = []

    async def ask(self, to: Address, message: Message, *, timeout: float | None = None) -> Answer:
        self.asked.append((to, message))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Server:
    """A listening server with its client; `phase` is what the service says of itself."""

    def __init__(self, outcome: Answer | Exception) -> None:
        self.phase: Phase = "serving"
        self.asker = OneAnswer(outcome)
        self.store = SqliteStore(None)  # asked for the health alone
        self.vitals = Vitals()
        nobody = cast(Any, None)  # no call probes an instance
        settings = Settings(host="127.0.0.1", grpc_port=0)
        edge = Edge(self.asker, self.store, nobody, settings, lambda: self.phase, self.status, vitals=self.vitals)
        self.rpc = RpcServer(lambda: edge, settings)
        self.client: Client
        self.port = 0

    def status(self) -> ServiceStatus:
        return ServiceStatus(self.phase, None, ill=self.vitals.illnesses)

    async def fail(self, call: str, request: Any) -> grpc.aio.AioRpcError:
        """The error that this call ends with."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(self.client.stub, call)(request)
        return caught.value


@asynccontextmanager
async def listening(outcome: Answer | Exception) -> AsyncIterator[Server]:
    server = Server(outcome)
    await server.store.open()
    server.port = await server.rpc.start()
    try:
        async with connected(server.port) as server.client:
            yield server
    finally:
        await server.rpc.stop(0)
        await server.store.close()


def against(outcome: Answer | Exception, steps: Callable[[Server], Awaitable[None]]) -> None:
    async def run() -> None:
        async with listening(outcome) as server:
            await steps(server)

    asyncio.run(run())


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("outcome", "status", "text"),
    [
        (BrokerUnavailable("the broker did not confirm"), grpc.StatusCode.UNAVAILABLE, "did not confirm"),
        (StoreUnavailable("disk full"), grpc.StatusCode.UNAVAILABLE, "disk full"),
        (AnswerTimeout("no answer within 10 s"), grpc.StatusCode.UNAVAILABLE, "no answer within 10 s"),
        (RuntimeError("secret detail"), grpc.StatusCode.INTERNAL, "the service failed; its log says why"),
        (StrategySet("round_robin", ""), grpc.StatusCode.INTERNAL, "the service failed; its log says why"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_fails_behind_the_edge(call: str, outcome: Answer | Exception, status: grpc.StatusCode, text: str) -> None:
    async def steps(server: Server) -> None:
        error = await server.fail(call, CALLS[call])
        assert error.code() == status
        assert text in str(error.details())
        assert "secret" not in str(error.details())

    against(outcome, steps)


@pytest.mark.parametrize("call", CALLS)
def test_a_request_without_an_agent_is_malformed_and_asks_nobody(call: str) -> None:
    async def steps(server: Server) -> None:
        request = type(CALLS[call])()
        if call in ("SubmitTask", "RequestPreemption"):
            request.task_id = "task-123"
        error = await server.fail(call, request)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert error.details() == "field `agent_id`: must be 1 to 255 characters long; got ''"
        assert server.asker.asked == []

    against(TaskAccepted("task-123", ""), steps)


def test_each_call_asks_the_actor_that_owns_the_matter() -> None:
    async def steps(server: Server) -> None:
        for call, request in CALLS.items():
            if call == "SubmitTask":
                await server.client.stub.SubmitTask(request)
            else:
                await server.fail(call, request)
        asked = [(to.kind, type(message).__name__) for to, message in server.asker.asked]
        assert asked == [
            ("scheduler", "SubmitTask"),
            ("scheduler", "RequestPreemption"),
            ("scheduler", "ShutdownAgent"),
            ("agent", "PollActivity"),
            ("agent", "PurgeActivity"),
        ]
        assert {to.key for to, _ in server.asker.asked} == {"one", "worker-1"}

    against(TaskAccepted("task-123", ""), steps)


def test_the_limit_of_10_mib_is_ours_and_names_the_field() -> None:
    async def steps(server: Server) -> None:
        limit = 10 * 1024 * 1024
        exactly = pb.SubmitTaskRequest(agent_id="a", task_id="t", params=b"x" * limit, content_type="text/plain")
        assert (await server.client.stub.SubmitTask(exactly)).accepted
        asked = server.asker.asked[0][1]
        assert isinstance(asked, SubmitTask)
        assert len(asked.input) == limit
        exactly.params += b"x"
        error = await server.fail("SubmitTask", exactly)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert error.details() == f"field `params`: must be at most {limit} bytes long; got {limit + 1}"

    against(TaskAccepted("t", ""), steps)


def test_what_drains_sends_submits_away_and_answers_the_rest() -> None:
    async def steps(server: Server) -> None:
        server.phase = "draining"
        error = await server.fail("SubmitTask", CALLS["SubmitTask"])
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert "draining" in str(error.details())
        assert server.asker.asked == []
        await server.fail("PollActivityBuffer", CALLS["PollActivityBuffer"])
        assert len(server.asker.asked) == 1

    against(TaskAccepted("t", ""), steps)


@pytest.mark.parametrize("call", CALLS)
def test_what_starts_sends_everything_away(call: str) -> None:
    async def steps(server: Server) -> None:
        server.phase = "starting"
        error = await server.fail(call, CALLS[call])
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert error.details() == "the service is starting; send the same request again later"
        assert server.asker.asked == []
        assert await health_of(server.client, "") == "NOT_SERVING"

    against(TaskAccepted("t", ""), steps)


async def health_of(client: Client, service: str) -> str:
    stub: Any = health_pb2_grpc.HealthStub(client.channel)
    response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_turns_when_the_service_drains(service: str) -> None:
    async def steps(server: Server) -> None:
        assert await health_of(server.client, service) == "SERVING"
        server.rpc.begin_drain()
        assert await health_of(server.client, service) == "NOT_SERVING"

    against(TaskAccepted("t", ""), steps)


@pytest.mark.parametrize("service", ["", SERVICE, ACTIVITY_SERVICE])
def test_health_is_that_of_the_parts_known_to_be_ill(service: str) -> None:
    async def steps(server: Server) -> None:
        server.vitals.ill("agents", "connected, but nothing arrives", "swarm.agent-3")
        assert await health_of(server.client, service) == "NOT_SERVING"
        server.vitals.well("agents", "swarm.agent-3")
        assert await health_of(server.client, service) == "SERVING"
        await server.store.close()
        assert await health_of(server.client, service) == "NOT_SERVING"
        assert [illness.part for illness in server.vitals.illnesses] == ["store"]

    against(TaskAccepted("t", ""), steps)


def test_who_watches_health_hears_of_each_change() -> None:
    async def steps(server: Server) -> None:
        stub: Any = health_pb2_grpc.HealthStub(server.client.channel)
        watches = [stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE)) for _ in range(2)]

        async def heard() -> set[str]:
            told = [await watch.read() for watch in watches]
            return {health_pb2.HealthCheckResponse.ServingStatus.Name(response.status) for response in told}

        async with asyncio.timeout(30):
            assert await heard() == {"SERVING"}
            server.vitals.ill("broker", "connection lost")
            assert await heard() == {"NOT_SERVING"}
            server.vitals.well("broker")
            assert await heard() == {"SERVING"}
            watches.pop().cancel()  # who leaves takes nothing from the others
            server.rpc.begin_drain()
            assert await heard() == {"NOT_SERVING"}

    against(TaskAccepted("t", ""), steps)


def test_health_does_not_know_other_services() -> None:
    async def steps(server: Server) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_of(server.client, "sw4rm.other")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND

    against(TaskAccepted("t", ""), steps)


def test_a_taken_port_is_an_error_and_not_a_share() -> None:
    async def run() -> None:
        async with listening(TaskAccepted("t", "")) as first:
            settings = Settings(host="127.0.0.1", grpc_port=first.port)
            second = RpcServer(cast(Any, None), settings)
            try:
                with pytest.raises(
                    OSError, match=rf"cannot listen on 127.0.0.1:{first.port} \(gRPC\): address already in use"
                ):
                    await second.start()
            finally:
                await second.stop(0)

    asyncio.run(run())


def test_calls_that_come_all_at_once_wait_for_their_turn() -> None:
    """gRPC itself would cancel some of them as soon as a thousand wait."""
    are_sent = threading.Event()

    async def steps(server: Server) -> None:
        request = CALLS["SubmitTask"].SerializeToString()

        def burst() -> set[grpc.StatusCode]:
            with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                call: Any = channel.unary_unary(f"/{SERVICE}/SubmitTask")
                under_way = [call.future(request, timeout=60) for _ in range(4_000)]
                are_sent.set()
                return {one.code() for one in under_way}

        await server.client.stub.SubmitTask(CALLS["SubmitTask"])
        with ThreadPoolExecutor(1) as client:
            codes = client.submit(burst)
            assert are_sent.wait(60)  # the server's loop is at something else meanwhile
            assert await asyncio.wrap_future(codes) == {grpc.StatusCode.OK}

    against(TaskAccepted("task-123", ""), steps)
