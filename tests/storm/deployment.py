"""One whole deployment for the storm: its processes, the gates between them, and where tasks go in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from actors.settings import Settings
from tests.storm.children import Child
from tests.storm.hosts import Host
from tests.storm.parts import Part, Program
from tests.storm.wire import Wire
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
    wire: tuple[Wire, Host] | None = None
    """Where it is on two hosts: what is between them, and the second one."""
    doors: list[str] = field(default_factory=list)
    meters: list[str] = field(default_factory=list)
    """Where the metrics of each process of the service are."""
    stand_ins: dict[str, Program] = field(default_factory=dict)
    """Programs that are not started, by the names of the parts that they could replace."""
    store: str = ""
    amqp: str = ""
    closers: list[Callable[[], None]] = field(default_factory=list)

    async def start(self) -> None:
        """Start everything that is not a server (those run already): what serves, then who registers there."""
        programs = [part for part in self.parts if isinstance(part, Program)]
        for is_serving in (True, False):
            await asyncio.gather(*(part.start() for part in programs if (part.kind in SERVING) is is_serving))

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
        self, kind: str, name: str, host: Host, arguments: list[str], is_ready: Callable[[Child], bool]
    ) -> Program:
        """One more program of ours."""
        child = Child(arguments, self.folder / f"{name}.log", {"LOG_LEVEL": "INFO", **environment(host)}, host)
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


def environment(host: Host) -> dict[str, str]:
    """The settings of every process of the service, for one on this host."""
    return {f"SWARMPILOT_{key.upper()}": str(value) for key, value in {**SETTINGS, "host": host.address}.items()}


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
