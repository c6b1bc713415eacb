"""Processes of a role that are up before their database and their broker: they wait for them, until a signal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

from actors.addresses import all_shards
from actors.leases import Member
from actors.stores import open_store
from tests.free_ports import free_port
from tests.grpc_client import connected
from tests.postgres_server import PostgresServer
from tests.rabbit_server import RabbitServer
from tests.scenarios.processes import Running
from tests.tcp_gate import TcpGate


class Way:
    """The way to a server, closed until `gate` is opened."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.gate = TcpGate(parts.hostname or "", parts.port or 0)
        self.url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self.gate.port}").geturl()


@pytest.fixture(name="to_database")
def _to_database(postgres_server: PostgresServer) -> Iterator[Way]:
    url = postgres_server.store()
    way = Way(url)
    yield way
    way.gate.shut()
    postgres_server.free(url)


@pytest.fixture(name="to_broker")
def _to_broker(rabbit: RabbitServer) -> Iterator[Way]:
    way = Way(rabbit.url)
    yield way
    way.gate.shut()


def test_it_is_ready_once_both_are_there(tmp_path: Path, to_database: Way, to_broker: Way) -> None:
    port = free_port()
    arguments = ["agents", "--store", to_database.url, "--amqp", to_broker.url, "--health-port", str(port)]
    agents = Running(arguments, tmp_path / "agents.log")
    try:
        agents.wait_for(rf"{to_database.gate.port}.*not started yet")
        health = requests.get(f"http://127.0.0.1:{port}/health", timeout=10)
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        assert [ill["part"] for ill in health.json()["ill"]] == ["store"]
        to_database.gate.open()
        agents.wait_for(rf"{to_broker.gate.port}.*not started yet")
        to_broker.gate.open()
        agents.wait_for(r"SwarmPilot agents ready, \d+ shards")
        assert agents.terminate() == 0, agents.printed
    finally:
        agents.close()


def test_a_gateway_answers_before_they_are_there_and_names_what_is_missing(
    tmp_path: Path, to_database: Way, to_broker: Way
) -> None:
    where = ["--store", to_database.url, "--amqp", to_broker.url, "--port", str(free_port())]
    url, grpc_port = f"http://127.0.0.1:{where[-1]}", free_port()
    gateway = Running(["gateway", *where, "--grpc-port", str(grpc_port)], tmp_path / "gateway.log")
    try:
        gateway.wait_for(rf"{to_database.gate.port}.*not started yet")
        for part, way in [("store", to_database), ("broker", to_broker)]:
            gateway.wait_for(rf"{way.gate.port}.*not started yet")
            health = requests.get(f"{url}/health", timeout=10)
            assert (health.status_code, health.json()["status"], health.headers["Retry-After"]) == (
                503,
                "starting",
                "1",
            )
            [ill] = health.json()["ill"]
            assert ill["part"] == part
            assert str(way.gate.port) in ill["reason"]
            asked = requests.get(f"{url}/queue/info", timeout=10)
            assert (asked.status_code, asked.headers["Retry-After"]) == (503, "1")
            assert asked.json() == {"detail": "The service is starting; try again"}
            assert asyncio.run(_grpc_health(grpc_port)) == health_pb2.HealthCheckResponse.NOT_SERVING
            way.gate.open()
        gateway.wait_for("SwarmPilot scheduler on ")
        health = requests.get(f"{url}/health", timeout=10)
        assert (health.status_code, health.json()["ill"]) == (200, [])
        assert asyncio.run(_grpc_health(grpc_port)) == health_pb2.HealthCheckResponse.SERVING
        assert gateway.terminate() == 0, gateway.printed
    finally:
        gateway.close()


async def _grpc_health(port: int) -> Any:
    async with connected(port) as client:
        stub: Any = health_pb2_grpc.HealthStub(client.channel)
        return (await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)).status


@pytest.mark.parametrize("role", ["gateway", "scheduler"])
def test_a_signal_ends_the_wait(tmp_path: Path, to_database: Way, to_broker: Way, role: str) -> None:
    where = ["--port", str(free_port()), "--grpc-port", "-1"] if role == "gateway" else []
    waiting = Running([role, "--store", to_database.url, "--amqp", to_broker.url, *where], tmp_path / "waiting.log")
    try:
        waiting.wait_for("not started yet")
        assert waiting.terminate() == 0, waiting.printed
        assert "Traceback" not in waiting.printed
    finally:
        waiting.close()


def test_a_gateway_with_another_number_of_shards_than_the_store_is_refused(
    tmp_path: Path, postgres_server: PostgresServer, rabbit: RabbitServer
) -> None:
    """It would send to actors where they do not live."""
    url = postgres_server.store()
    asyncio.run(_used_with(url, shards=8))
    where = ["--store", url, "--amqp", rabbit.url, "--port", "0", "--grpc-port", "-1", "--set", "shards=16"]
    gateway = Running(["gateway", *where], tmp_path / "gateway.log")
    try:
        assert gateway.process.wait(60) == 1, gateway.printed
        assert "made with 8 shards per kind and cannot be used with 16" in gateway.printed
    finally:
        gateway.close()
        postgres_server.free(url)


async def _used_with(url: str, shards: int) -> None:
    store = open_store(url)
    await store.open()
    await store.join(Member("somebody", frozenset({"agent"})), all_shards(shards), ttl=1.0)
    await store.close()


def test_a_login_that_is_refused_ends_it_at_once(tmp_path: Path, to_database: Way, rabbit: RabbitServer) -> None:
    to_database.gate.open()
    place = rabbit.url.rpartition("@")[2]
    for store, amqp, named in [
        (to_database.url.rpartition("/")[0] + "/no_such", rabbit.url, "store: must name a database"),
        (to_database.url, f"amqp://guest:wrong-one@{place}", "amqp: must name a vhost"),
    ]:
        where = ["--store", store, "--amqp", amqp, "--port", "0", "--grpc-port", "-1"]
        gateway = Running(["gateway", *where], tmp_path / f"{named[:4]}.log")
        try:
            assert gateway.process.wait(30) == 2, gateway.printed
            assert f"swarmpilot: {named}" in gateway.printed
            assert "wrong-one" not in gateway.printed
            assert "not started yet" not in gateway.printed
        finally:
            gateway.close()
