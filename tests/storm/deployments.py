"""The deployments that are stormed over: one service with either database, many processes, these on two hosts, or over
a cluster of brokers.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.free_ports import free_port
from tests.postgres_private import PrivatePostgres
from tests.postgres_server import wait_for_postgres
from tests.rabbit_private import PrivateRabbit
from tests.rabbit_server import wait_for_amqp
from tests.storm.children import Child
from tests.storm.deployment import ROLES, Deployment, answers, environment
from tests.storm.hosts import HERE, Host
from tests.storm.load import AGENTS, MODEL
from tests.storm.parts import Program, Server, family
from tests.storm.wire import Wire

TITLES = {
    "sqlite": "One service over RabbitMQ with SQLite",
    "postgres": "One service over RabbitMQ with PostgreSQL",
    "distributed": "Two processes of each role over RabbitMQ with PostgreSQL",
    "cluster": "Two processes of each role over a RabbitMQ cluster of three nodes with PostgreSQL",
    "two-hosts": "Two processes of each role on two hosts, RabbitMQ and PostgreSQL on the first",
}


def build(name: str, folder: Path, hosts: tuple[Host, Host, Wire] | None) -> Deployment:
    """The one of this name. Its servers run when it is returned."""
    if name == "two-hosts":
        assert hosts is not None
        first, second, wire = hosts
        made = distributed(folder, first, second)
        made.wire = wire, second
        return made
    if name in ("distributed", "cluster"):
        return distributed(folder, brokers=3 if name == "cluster" else 1)
    return one_service(folder, postgres=name == "postgres")


def one_service(folder: Path, *, postgres: bool) -> Deployment:
    """`swarmpilot start` over RabbitMQ, with SQLite or PostgreSQL, two instances and two attached workers."""
    made = Deployment(folder)
    _with_brokers(made, HERE)
    made.store = _with_database(made, HERE) if postgres else f"sqlite:///{folder / 'tasks.db'}"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    made.doors.append(url)
    made.meters.append(url)
    start = ["swarmpilot", "start", "--grpc-port", "-1"]
    store = _behind(made, "service to database", made.store) if postgres else made.store
    where = ["--port", str(port), "--store", store, "--amqp", _behind(made, "service to broker", made.amqp)]
    made.program("service", "service", HERE, [*start, *where], lambda _: answers(url))
    if postgres:  # a file is refused to a second process as long as the first one lives
        made.stand_ins["service"] = _stand_in(made, [*start, "--store", made.store, "--amqp", made.amqp])
    _with_executors(made, (HERE, HERE))
    return made


def distributed(folder: Path, first: Host = HERE, second: Host = HERE, *, brokers: int = 1) -> Deployment:
    """Two processes of each role over `brokers` nodes of RabbitMQ and PostgreSQL, two instances, four attached workers.

    On one host there are gates on all ways of the first process of each role; the others have a good network.
    """
    made = Deployment(folder)
    _with_brokers(made, first, brokers)
    made.store = _with_database(made, first)
    for role in ROLES:
        for number, host in ((1, first), (2, second)):
            port = free_port()
            url = f"http://{host.address}:{port}"
            made.meters.append(url)
            if role == "gateway":
                made.doors.append(url)
            where = ["--port", str(port), "--grpc-port", "-1"] if role == "gateway" else ["--health-port", str(port)]
            store, amqp = made.store, made.amqp
            if number == 1 and first == second:
                store = _behind(made, f"{role}-1 to database", store)
                amqp = _behind(made, f"{role}-1 to broker", amqp)
            arguments = ["swarmpilot", role, "--store", store, "--amqp", amqp, *where]
            made.program(role, f"{role}-{number}", host, arguments, lambda _, url=url: answers(url))  # type: ignore[misc]
    _with_executors(made, (first, second))
    return made


def _stand_in(made: Deployment, start: list[str]) -> Program:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    made.meters.append(url)
    child = Child([*start, "--port", str(port)], made.folder / "stand-in.log", environment(HERE))
    return Program("service", "stand-in", child, lambda: answers(url))


def _with_executors(made: Deployment, hosts: tuple[Host, Host]) -> None:
    """Instances that report to the other host's door, and workers."""
    for number, host in enumerate(hosts, start=1):
        door = made.doors[number % len(made.doors)]
        listening = port = free_port()
        if hosts[0] == hosts[1]:
            back = made.gate(f"instance-{number} to service", "127.0.0.1", urlsplit(door).port or 0)
            door = f"http://127.0.0.1:{back.port}"
            port = made.gate(f"service to instance-{number}", "127.0.0.1", listening).port
        arguments = ["swarmpilot", "instance", "--model", MODEL, "--host", host.address, "--port", str(listening)]
        arguments += ["--call", "tests.scenarios.executions:note", "--id", f"instance-{number}", "--capacity", "8"]
        arguments += ["--advertise", f"{host.address}:{port}", "--scheduler", door]
        asked = f"http://{host.address}:{listening}/info"
        made.program("instance", f"instance-{number}", host, arguments, lambda _, url=asked: answers(url))  # type: ignore[misc]
    for number, agent_id in enumerate((*AGENTS, AGENTS[0]), start=1):
        arguments = ["swarmpilot", "worker", "--agent", agent_id, "--id", f"w-{number}", "--capacity", "2"]
        arguments += ["--call", "tests.storm.work:work", "--amqp", made.amqp]
        made.program("worker", f"worker-{number}", hosts[number % 2], arguments, _is_attached)


def _is_attached(worker: Child) -> bool:
    return "attached to" in worker.printed


def _behind(made: Deployment, name: str, urls: str) -> str:
    """The URLs of gates on the ways to these: each has one of its own."""
    gated = []
    for number, url in enumerate(urls.split(","), start=1):
        parts = urlsplit(url)
        gate = made.gate(name if urls == url else f"{name}-{number}", parts.hostname or "", parts.port or 0)
        gated.append(_at(url, f"127.0.0.1:{gate.port}"))
    return ",".join(gated)


def _at(url: str, address: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{address}").geturl()


def _with_brokers(made: Deployment, host: Host, nodes: int = 1) -> None:
    """One broker, or a cluster of several."""
    first: PrivateRabbit | None = None
    urls = []
    for number in range(1, nodes + 1):
        rabbit = PrivateRabbit(wait_for_amqp, everywhere=host != HERE, joins=first)
        first = first or rabbit
        made.closers.append(rabbit.close)
        rabbit.start()
        urls.append(_at(rabbit.url, f"{host.address}:{urlsplit(rabbit.url).port}"))
        name = "broker" if nodes == 1 else f"broker-{number}"
        made.parts.append(Server("broker", name, rabbit, lambda rabbit=rabbit: [rabbit.pid]))  # type: ignore[misc]
    made.amqp = ",".join(urls)


def _with_database(made: Deployment, host: Host) -> str:
    postgres = PrivatePostgres(wait_for_postgres, everywhere=host != HERE)
    made.closers.append(postgres.close)
    postgres.start()
    made.parts.append(Server("database", "database", postgres, lambda: family(postgres.pid)))
    return _at(postgres.url, f"{host.address}:{urlsplit(postgres.url).port}")
