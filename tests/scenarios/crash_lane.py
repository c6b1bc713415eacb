"""A place where services live and die one after the other: a port, an instance that stays, and perhaps a broker."""

from __future__ import annotations

import asyncio
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import requests

from actors.crash_points import CRASHED
from actors.settings import Settings
from tests.at_rest import at_rest
from tests.free_ports import free_port
from tests.postgres_server import PostgresServer
from tests.rabbit_queues import delete_queues
from tests.scenarios.crash_cases import Case
from tests.scenarios.executions import executions
from tests.scenarios.forked import Forked, Nursery
from tests.scenarios.processes import eventually
from tests.scenarios.threads import Threads

CLIENTS = 3
SHARDS = 1


class Lane:
    """One case after the other, each on a store of its own."""

    def __init__(
        self, nursery: Nursery, folder: Path, amqp: str | None, postgres: PostgresServer | None = None
    ) -> None:
        self._nursery = nursery
        self._folder = folder
        self._amqp = amqp
        self._postgres = postgres
        self._services: list[Forked] = []
        self._store = ""
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        instance_port = free_port()
        folder.mkdir()
        self._config = folder / "instances.yaml"
        self._config.write_text(f"instances:\n  - {{host: 127.0.0.1, port: {instance_port}, model_name: m}}\n")
        nursery.instance(folder / "instance.log", instance_port, self._url)

    def perform(self, case: Case) -> None:
        """Let the processes die, and the last one live; then read the record."""
        try:
            self._perform(case)
        finally:
            for service in self._services:
                service.send(signal.SIGKILL)
                service.wait()
            self._services.clear()
            if self._postgres:
                self._postgres.free(self._store)

    def _perform(self, case: Case) -> None:
        folder = self._folder / str(case)
        folder.mkdir()
        if self._amqp:
            asyncio.run(delete_queues(self._amqp))
        self._store = self._postgres.store() if self._postgres else f"sqlite:///{folder / 'tasks.db'}"
        settings = self._settings() | case.settings
        with Clients(self._url, case, folder / "executions") as clients:
            for number, death in enumerate(case.deaths):
                victim = self._start(folder / f"{number}.log", {**settings, "crash_at": death})
                if death.startswith("stop"):
                    self._await_ends(victim, clients)
                    victim.send(signal.SIGTERM)
                code = victim.wait()
                assert code == CRASHED, f"ended with {code} and not at {death}:\n{victim.printed}"
            known = list(clients.acknowledged)
            survivor = self._start(folder / "last.log", settings)
            self._await_ends(survivor, clients)
        eventually(self._is_healthy, what="the last one serves")  # else it has no ear for signals yet
        survivor.send(signal.SIGTERM)
        assert survivor.wait() == 0, survivor.printed
        assert known, "no task was acknowledged before the last death: nothing was shown"
        asyncio.run(self._check(settings, clients))

    def _start(self, log: Path, settings: dict[str, Any]) -> Forked:
        service = self._nursery.service(log, settings)
        self._services.append(service)
        return service

    def _is_healthy(self) -> bool:
        try:
            return _session().get(f"{self._url}/health", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def _settings(self) -> dict[str, Any]:
        return {
            "port": self._port,
            "grpc_port": -1,
            "store": self._store,
            "amqp": self._amqp,
            "config": str(self._config),
            "shards": SHARDS,
            "snapshot_every": 100,
            "ask_timeout_s": 3,
            "probe_interval_s": 0.5,
            "retry_delay_s": 0.1,
        }

    def _await_ends(self, service: Forked, clients: Clients) -> None:
        """Return once all tasks are acknowledged and have ended."""

        def over() -> bool:
            assert service.is_alive, f"ended with {service.code}:\n{service.printed}"
            return all(clients.has_ended(task_id) for task_id in clients.task_ids)

        eventually(over, what="all tasks are taken and end, those that were acknowledged among them")

    async def _check(self, settings: dict[str, Any], clients: Clients) -> None:
        left = await at_rest(Settings.model_validate(settings), clients.acknowledged)
        assert not left.broken, "\n".join(left.broken)
        assert {row.task_id for row in left.tasks} == set(clients.task_ids)
        assert {row.state.value for row in left.tasks} == {"completed"}
        ran = executions(clients.file)
        assert set(ran.values()) == {1}, f"an attempt was executed more than once: {ran}"
        assert len(ran) == len(left.tasks), f"more attempts than tasks, though no instance failed: {ran}"


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # pytest writes to the environment while threads of ours would read it
    return session


class Clients(Threads):
    """Threads that each submit a few tasks, and repeat each under its id until it is acknowledged."""

    def __init__(self, url: str, case: Case, file: Path) -> None:
        self.file = file
        self.acknowledged: list[str] = []
        self._url = url
        self._ended: set[str] = set()
        self._asking = _session()
        shares = [[f"{case}-{client}-{n}" for n in range(case.tasks)] for client in range(CLIENTS)]
        self.task_ids = [task_id for share in shares for task_id in share]
        super().__init__(partial(self._submit, share) for share in shares)

    def has_ended(self, task_id: str) -> bool:
        """Whether the service says that it has."""
        if task_id in self._ended:
            return True
        if task_id not in self.acknowledged:
            return False
        try:
            answer = self._asking.get(f"{self._url}/task/query", params={"task_id": task_id}, timeout=5)
        except requests.RequestException:
            return False
        if answer.status_code == 200 and answer.json()["task_status"] == "completed":
            self._ended.add(task_id)
        return task_id in self._ended

    def _submit(self, task_ids: list[str]) -> None:
        with _session() as session:
            for task_id in task_ids:
                body = {"model_name": "m", "task_id": task_id, "task_input": {"file": str(self.file), "ms": 3}}
                while not self.stopping.is_set() and not self._is_taken(session, body):
                    time.sleep(0.01)

    def _is_taken(self, session: requests.Session, body: dict[str, Any]) -> bool:
        try:
            answer = session.post(f"{self._url}/queue/submit", json=body, timeout=10)
        except requests.RequestException:
            return False
        if answer.status_code != 200:
            return False
        self.acknowledged.append(body["task_id"])
        return True
