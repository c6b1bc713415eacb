"""One whole deployment for the storm: its servers, its processes, the gates between them, and where tasks go in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from actors.settings import Settings
from tests.free_ports import free_port
from tests.postgres_private import PrivatePostgres
from tests.postgres_server import wait_for_postgres
from tests.rabbit_private import PrivateRabbit
from tests.rabbit_server import wait_for_amqp
from tests.storm.children import Child
from tests.storm.load import AGENTS, MODEL
from tests.storm.parts import Part, Program, Server, family
from tests.tcp_gate import TcpGate

SETTINGS: dict[str, object] = {
    "probe_interval_s": 0.5,
    "probe_timeout_s": 1,
    "retry_delay_s": 0.2,
    "ask_timeout_s": 5,
    "max_attempts": 100,  # what is tried here is whether tasks are lost, not whether they are given up
    "agent_slots": 4,
    "snapshot_every": 2000,
}


ROLES = ("gateway", "scheduler", "agents", "dispatchers")
SERVING = ("service", *ROLES)
"""Kinds of parts that end in good order, in this one."""


@dataclass
class Deployment:
    """`parts` in the order in which they are started; `gates` by the names of the ways that they stand in."""

    folder: Path
    parts: list[Part] = field(default_factory=list)
    gates: dict[str, TcpGate] = field(default_factory=dict)
    doors: list[str] = field(default_factory=list)
    meters: list[str] = field(default_factory=list)
    """Where the metrics of each process of the service are."""
    stand_ins: dict[str, Program] = field(default_factory=dict)
    """Programs that are not started, by the names of the parts that they could replace."""
    store: str = ""
    amqp: str = ""
    closers: list[Callable[[], None]] = field(default_factory=list)

    async def start(self) -> None:
        """Start everything that is not a server (those run already)."""
        for part in self.parts:
            if not isinstance(part, Server):
                await part.start()

    async def stop_services(self) -> list[int]:
        """End what serves in good order; the exit codes."""
        programs = [part for part in self.parts if isinstance(part, Program) and part.kind in SERVING]
        return [await part.stop() for part in programs]

    def settings(self) -> Settings:
        """Those of every process of the service, with the ways to database and broker that are not harmed."""
        return Settings.model_validate({**SETTINGS, "store": self.store, "amqp": self.amqp})

    def close(self) -> None:
        """End everything."""
        for closer in reversed(self.closers):
            with suppress(Exception):
                closer()

    def program(
        self, kind: str, name: str, arguments: list[str], is_ready: Callable[[Child], bool], **settings: object
    ) -> Program:
        """One more program of ours."""
        environment = {f"SWARMPILOT_{key.upper()}": str(value) for key, value in settings.items()}
        child = Child(arguments, self.folder / f"{name}.log", {"LOG_LEVEL": "INFO", **environment})
        part = Program(kind, name, child, lambda: is_ready(child))
        self.parts.append(part)
        return part

    def gate(self, name: str, host: str, port: int) -> TcpGate:
        """A gate on the way to a server."""
        gate = TcpGate(host, port)
        gate.open()
        self.gates[name] = gate
        self.closers.append(gate.shut)
        return gate


def one_service(folder: Path, *, postgres: bool) -> Deployment:
    """`swarmpilot start` over RabbitMQ, with SQLite or PostgreSQL, two instances and two attached workers."""
    made = Deployment(folder)
    _with_broker(made)
    made.store = _with_database(made) if postgres else f"sqlite:///{folder / 'tasks.db'}"
    port = free_port()
    made.doors.append(f"http://127.0.0.1:{port}")
    made.meters.append(made.doors[0])
    arguments = ["swarmpilot", "start", "--port", str(port), "--grpc-port", "-1"]
    arguments += ["--store", _behind(made, "service to database", made.store) if postgres else made.store]
    arguments += ["--amqp", _behind(made, "service to broker", made.amqp)]
    url = made.doors[0]
    made.program("service", "service", arguments, lambda _: answers(url), **SETTINGS)
    if postgres:  # a file is refused to a second process as long as the first one lives
        made.stand_ins["service"] = _stand_in(made, arguments)
    _with_executors(made)
    return made


def distributed(folder: Path) -> Deployment:
    """Two processes of each role over RabbitMQ and PostgreSQL, two instances and four attached workers."""
    made = Deployment(folder)
    _with_broker(made)
    made.store = _with_database(made)
    for role in ROLES:
        for number in (1, 2):
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            made.meters.append(url)
            if role == "gateway":
                made.doors.append(url)
            where = ["--port", str(port), "--grpc-port", "-1"] if role == "gateway" else ["--health-port", str(port)]
            store, amqp = made.store, made.amqp
            if number == 1:  # the others have a good network
                store = _behind(made, f"{role}-1 to database", store)
                amqp = _behind(made, f"{role}-1 to broker", amqp)
            arguments = ["swarmpilot", role, "--store", store, "--amqp", amqp, *where]
            made.program(role, f"{role}-{number}", arguments, lambda _, url=url: answers(url), **SETTINGS)  # type: ignore[misc]
    _with_executors(made)
    return made


def _stand_in(made: Deployment, arguments: list[str]) -> Program:
    port = free_port()
    made.meters.append(f"http://127.0.0.1:{port}")
    elsewhere = ["--port", str(port)]
    environment = {f"SWARMPILOT_{key.upper()}": str(value) for key, value in SETTINGS.items()}
    child = Child([*arguments, *elsewhere], made.folder / "stand-in.log", environment)
    return Program("service", "stand-in", child, lambda: answers(f"http://127.0.0.1:{port}"))


def _with_executors(made: Deployment) -> None:
    for number in (1, 2):
        door = made.doors[number % len(made.doors)]
        back = made.gate(f"instance-{number} to service", "127.0.0.1", urlsplit(door).port or 0)
        port = free_port()
        forth = made.gate(f"service to instance-{number}", "127.0.0.1", port)
        arguments = ["swarmpilot", "instance", "--model", MODEL, "--port", str(port), "--capacity", "8"]
        arguments += ["--call", "tests.scenarios.executions:note", "--id", f"instance-{number}"]
        arguments += ["--advertise", f"127.0.0.1:{forth.port}", "--scheduler", f"http://127.0.0.1:{back.port}"]
        made.program("instance", f"instance-{number}", arguments, lambda _, port=port: answers(_info(port)))  # type: ignore[misc]
    for number, agent_id in enumerate((*AGENTS, AGENTS[0]), start=1):
        arguments = ["swarmpilot", "worker", "--agent", agent_id, "--id", f"w-{number}", "--capacity", "2"]
        arguments += ["--call", "tests.storm.work:work", "--amqp", made.amqp]
        made.program("worker", f"worker-{number}", arguments, lambda child: child.printed.count("attached to") > 0)


def _info(port: int) -> str:
    return f"http://127.0.0.1:{port}/info"


def _behind(made: Deployment, name: str, url: str) -> str:
    """The URL of a gate on the way to this one."""
    parts = urlsplit(url)
    gate = made.gate(name, parts.hostname or "", parts.port or 0)
    account = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{account}@127.0.0.1:{gate.port}").geturl()


def _with_broker(made: Deployment) -> None:
    rabbit = PrivateRabbit(wait_for_amqp)
    made.closers.append(rabbit.close)
    rabbit.start()
    made.amqp = rabbit.url
    made.parts.append(Server("broker", rabbit, lambda: [rabbit.pid]))


def _with_database(made: Deployment) -> str:
    postgres = PrivatePostgres(wait_for_postgres)
    made.closers.append(postgres.close)
    postgres.start()
    made.parts.append(Server("database", postgres, lambda: family(postgres.pid)))
    return postgres.url


def answers(url: str) -> bool:
    """Whether a server answers there, whatever it says."""
    try:
        return bool(requests.get(url, timeout=2).status_code)
    except requests.RequestException:
        return False


async def until(question: Callable[[], bool], within_s: float, what: str) -> None:
    """Ask until the answer is yes. Raises TimeoutError with `what`."""
    try:
        async with asyncio.timeout(within_s):
            while not await asyncio.to_thread(question):  # noqa: ASYNC110 - processes have no events to await
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise TimeoutError(f"not within {within_s:g} s: {what}") from None
