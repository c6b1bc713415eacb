"""Two processes of each role over one RabbitMQ and one PostgreSQL: any of them may die, hang, come or go."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from protos import scheduler_pb2 as pb
from tests.grpc_client import connected
from tests.postgres_server import PostgresServer
from tests.rabbit_queues import delete_queues
from tests.rabbit_server import RabbitServer
from tests.scenarios.cluster import STARTED_S, Cluster, Part, note
from tests.scenarios.processes import eventually
from tests.tcp_gate import TcpGate

ROLES = ("gateway", "scheduler", "agents", "dispatchers")
SHARDS = 8


@pytest.fixture(name="store", scope="module")
def _store(postgres_server: PostgresServer) -> Iterator[str]:
    url = postgres_server.store()
    yield url
    postgres_server.free(url)


@pytest.fixture(name="cluster", scope="module")
def _cluster(store: str, rabbit_server: RabbitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    asyncio.run(delete_queues(rabbit_server.url))
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), store, rabbit_server.url)
    try:
        parts = [cluster.launch(role) for role in ROLES for _ in range(2)]
        for part in parts:
            part.running.wait_for("SwarmPilot", within_s=STARTED_S)
        for gateway in cluster.of("gateway"):
            cluster.start_instance(gateway)
        settled(cluster)
        yield cluster
    finally:
        cluster.close()


def settled(cluster: Cluster) -> None:
    """Wait until each process has its share, and all is hosted."""

    def shared() -> bool:
        for role, shards in (("scheduler", 1), ("agents", SHARDS), ("dispatchers", SHARDS)):
            hosted = [part.shards() for part in cluster.of(role)]
            if sum(hosted) != shards or max(hosted) - min(hosted) > 1:
                return False
        return True

    eventually(shared, within_s=30.0, what="an even share for each")


def other(part: Part, cluster: Cluster) -> Part:
    """Another process of the same role."""
    return next(each for each in cluster.of(part.role) if each is not part)


async def submit_by_grpc(part: Part, task_id: str) -> bool:
    async with connected(part.grpc_port) as client:
        params = b'{"model_name": "m", "service_ms": 1}'
        request = pb.SubmitTaskRequest(agent_id="grpc", task_id=task_id, params=params, content_type="application/json")
        return bool((await client.stub.SubmitTask(request)).accepted)


def test_tasks_go_in_by_either_gateway_and_are_seen_at_both(cluster: Cluster) -> None:
    first, second = cluster.of("gateway")
    for number in range(10):
        cluster.submit((first, second)[number % 2], number)
        assert asyncio.run(submit_by_grpc((second, first)[number % 2], f"by-grpc-{number}"))
        cluster.submitted.append(f"by-grpc-{number}")
    cluster.ended(first)
    cluster.ended(second)


def test_a_standby_goes_on_where_the_scheduler_is_killed(cluster: Cluster) -> None:
    gateway = cluster.of("gateway")[0]
    owner = cluster.owner_of("scheduler")
    with cluster.stream(gateway, 100):
        owner.running.kill()
        began = time.monotonic()
        cluster.submit(cluster.of("gateway")[1], 199)
        note(f"served again {time.monotonic() - began:.2f} s after kill -9 of the scheduler")
    cluster.ended()
    assert cluster.owner_of("scheduler") is not owner
    cluster.start("scheduler")
    settled(cluster)


def test_what_a_frozen_process_had_others_take_and_each_task_ends_once(cluster: Cluster) -> None:
    gateway, frozen = cluster.of("gateway")[0], cluster.owner_of("agent-0")
    with cluster.stream(gateway, 200):
        cluster.submit(cluster.of("gateway")[1], 299, service_ms=200)
        frozen.running.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            eventually(lambda: other(frozen, cluster).shards() == SHARDS, what="the other has them all")
            note(f"its shards were taken {time.monotonic() - began:.2f} s after SIGSTOP")
        except BaseException:
            frozen.running.process.send_signal(signal.SIGCONT)
            raise
    try:
        cluster.ended()
        note(f"every task had ended {time.monotonic() - began:.2f} s after SIGSTOP")
    finally:
        frozen.running.process.send_signal(signal.SIGCONT)
    with cluster.stream(gateway, 300):
        settled(cluster)
    cluster.ended()
    note(f"writes of the zombie refused: {frozen.fenced()}")


def test_what_a_process_wrote_while_others_took_its_shards_is_refused(cluster: Cluster, store: str) -> None:
    """The way to its database holds everything up for longer than its lease: what comes through then is too late."""
    parts = urlsplit(store)
    way = TcpGate(parts.hostname or "", parts.port or 5432)
    way.open()
    account = parts.netloc.rpartition("@")[0]
    late = cluster.start("agents", store=parts._replace(netloc=f"{account}@127.0.0.1:{way.port}").geturl())
    settled(cluster)
    with cluster.stream(cluster.of("gateway")[0], 400):
        way.hold()
        peers = [part for part in cluster.of("agents") if part is not late]
        eventually(lambda: sum(part.shards() for part in peers) == SHARDS, what="the others have its shards")
        way.let_go()
        eventually(lambda: late.fenced() > 0, what="a write that is refused")
    settled(cluster)
    cluster.ended()
    assert late.running.terminate() == 0
    way.shut()
    settled(cluster)


def test_who_is_stopped_hands_over_and_who_comes_gets_a_share(cluster: Cluster) -> None:
    gateway = cluster.of("gateway")[0]
    with cluster.stream(gateway, 600):
        former = [cluster.of(role)[0] for role in ("dispatchers", "scheduler")]
        for part in [cluster.launch(part.role) for part in former]:
            part.running.wait_for("SwarmPilot", within_s=STARTED_S)
        for part in former:
            assert part.running.terminate() == 0
        settled(cluster)
    cluster.ended()
