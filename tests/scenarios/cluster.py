"""The distributed deployment as real processes, several of each role, over one RabbitMQ and one PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import requests

from actors.stores.postgres.sessions import SCHEMA
from tests.free_ports import free_port
from tests.scenarios.processes import Running, eventually

LEASE_TTL_S = 1.5
STARTED_S = 150.0
"""Ten processes that start at once, on a machine that may be busy with others (s)."""


class Part:
    """One process of a role. `url` is where a gateway serves, and where another says how it is."""

    def __init__(self, role: str, running: Running, port: int, grpc_port: int) -> None:
        self.role = role
        self.running = running
        self.url = f"http://127.0.0.1:{port}"
        self.grpc_port = grpc_port

    def health(self) -> dict[str, Any]:
        """GET /health; empty where it does not answer."""
        try:
            answer: dict[str, Any] = requests.get(f"{self.url}/health", timeout=2).json()
        except requests.RequestException:
            return {}
        return answer

    def shards(self) -> int:
        """How many run there."""
        return int(self.health().get("shards") or 0)

    def fenced(self) -> int:
        """How many of its writes were refused because another process had its shards."""
        return int(self.health().get("fenced_writes") or 0)


class Cluster:
    """`store` and `amqp` are the URLs that all share."""

    def __init__(self, folder: Path, store: str, amqp: str) -> None:
        self._folder = folder
        self._store = store
        self._amqp = f"{amqp}?heartbeat=2"
        self._started = 0
        self._instances: list[Running] = []
        self.parts: list[Part] = []
        self.submitted: list[str] = []

    def launch(self, role: str, *, store: str = "") -> Part:
        """Begin one more process; `store`: another way to the same store."""
        self._started += 1
        log = self._folder / f"{role}-{self._started}.log"
        port, grpc_port = free_port(), free_port()
        where = ["--port", str(port), "--grpc-port", str(grpc_port)] if role == "gateway" else []
        arguments = [role, "--amqp", self._amqp, "--store", store or self._store, *where]
        env = {"SWARMPILOT_LEASE_TTL_S": str(LEASE_TTL_S), "SWARMPILOT_HEALTH_PORT": str(port)}
        part = Part(role, Running(arguments, log, env), port, grpc_port)
        self.parts.append(part)
        return part

    def start(self, role: str, *, store: str = "") -> Part:
        """The same, and wait until it is ready."""
        part = self.launch(role, store=store)
        part.running.wait_for("SwarmPilot", within_s=STARTED_S)
        return part

    def start_instance(self, gateway: Part, capacity: int = 8) -> None:
        """One TaskInstance of model m, registered at this gateway."""
        log = self._folder / f"instance-{len(self._instances)}.log"
        where = ["--port", str(free_port()), "--scheduler", gateway.url]
        running = Running(["instance", "--model", "m", "--capacity", str(capacity), *where], log)
        self._instances.append(running)
        running.wait_for("registered at", within_s=STARTED_S)

    def of(self, role: str) -> list[Part]:
        """The processes of this role that have not ended."""
        return [part for part in self.parts if part.role == role and part.running.process.poll() is None]

    def close(self) -> None:
        """End all that runs."""
        for running in (*self._instances, *(part.running for part in self.parts)):
            running.close()

    def submit(self, gateway: Part, number: int, service_ms: int = 1) -> str:
        """A task of one of many agents; repeated as clients do where there is no answer."""
        body = {
            "model_name": "m",
            "task_id": f"task-{number}",
            "task_input": {"service_ms": service_ms, "number": number},
            "metadata": {"agent_id": f"agent-{number % 11}"},
        }

        def accepted() -> bool:
            return requests.post(f"{gateway.url}/queue/submit", json=body, timeout=30).status_code == 200

        eventually(accepted, within_s=60.0, what=f"{body['task_id']} is accepted")
        self.submitted.append(f"task-{number}")
        return f"task-{number}"

    def ended(self, gateway: Part | None = None, within_s: float = 60.0) -> None:
        """Wait until every task has ended, as seen at this gateway, and look how: completed, and once."""
        url = (gateway or self.of("gateway")[0]).url
        for task_id in self.submitted:
            eventually(partial(_is_completed, url, task_id), within_s=within_s, what=f"the end of {task_id}")
            story = requests.get(f"{url}/task/story", params={"task_id": task_id}, timeout=10).json()["events"]
            kinds = [event["kind"] for event in story]
            assert kinds.count("TaskFinished") == 1, f"{task_id}: {kinds}"

    def owner_of(self, shard: str) -> Part:
        """The process that has this shard, as the store has it."""
        [(owner,)] = self.query("SELECT owner FROM shard WHERE id = $1", shard)
        [part] = [part for part in self.parts if str(part.running.process.pid) == owner.split(":")[1]]
        return part

    def query(self, statement: str, *arguments: object) -> list[Any]:
        """Ask the database."""

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self._store, server_settings={"search_path": SCHEMA})
            try:
                return list(await connection.fetch(statement, *arguments))
            finally:
                await connection.close()

        return asyncio.run(ask())

    @contextmanager
    def stream(self, gateway: Part, first: int) -> Iterator[None]:
        """Tasks are submitted one after the other meanwhile."""
        ending = threading.Event()

        def submit() -> None:
            number = first
            while not ending.is_set():
                self.submit(gateway, number)
                number += 1

        thread = threading.Thread(target=submit)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


def note(text: str) -> None:
    """For who reads the report: how long it took is seen, and not tested."""
    print(text)  # noqa: T201


def _is_completed(url: str, task_id: str) -> bool:
    record = requests.get(f"{url}/task/query", params={"task_id": task_id}, timeout=10)
    return record.status_code == 200 and record.json()["state"] == "completed"
