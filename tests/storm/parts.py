"""What a deployment is made of, as the weather sees it: parts that can be killed, frozen, and started again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.postgres_private import PrivatePostgres
from tests.rabbit_private import PrivateRabbit
from tests.storm.children import Child


class Part(Protocol):
    """One process, or a server with the processes that belong to it. Its methods run in the storm's event loop."""

    @property
    def name(self) -> str:
        """Which of its kind."""

    @property
    def kind(self) -> str:
        """What it is: service, instance, worker, broker, database."""

    async def start(self) -> None:
        """Start it, on the data of its last run; returns once it is ready, as far as that can be seen from outside."""

    async def kill(self) -> None:
        """SIGKILL."""

    def freeze(self) -> None:
        """SIGSTOP."""

    def thaw(self) -> None:
        """SIGCONT."""


class Program:
    """A program of ours. `is_ready` is asked after a start until it says so."""

    def __init__(
        self, kind: str, name: str, child: Child, is_ready: Callable[[], bool], patience_s: float = 60
    ) -> None:
        self.kind = kind
        self.name = name
        self.child = child
        self._is_ready = is_ready
        self._patience_s = patience_s

    async def start(self) -> None:
        """Start it and wait until it is ready; where it gives up because another part is not there, again."""
        self.child.start()
        async with asyncio.timeout(self._patience_s):
            while not await asyncio.to_thread(self._is_ready):
                if not self.child.is_alive:
                    self.child.start()
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """SIGKILL."""
        self.child.send(signal.SIGKILL)
        await self.child.wait(10)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.child.send(signal.SIGTERM)
        return await self.child.wait(60)

    def freeze(self) -> None:
        """SIGSTOP."""
        self.child.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.child.send(signal.SIGCONT)


class Server:
    """RabbitMQ or PostgreSQL, as private servers of the storm's own."""

    def __init__(
        self, kind: str, name: str, server: PrivateRabbit | PrivatePostgres, pids: Callable[[], list[int]]
    ) -> None:
        self.kind = kind
        self.name = name
        self._server = server
        self._pids = pids

    async def start(self) -> None:
        """Start it on its data; returns once it answers."""
        await asyncio.to_thread(self._server.start)

    async def kill(self) -> None:
        """SIGKILL of it and its children."""
        await asyncio.to_thread(self._server.kill)

    def freeze(self) -> None:
        """SIGSTOP of it and its children."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT of it and its children."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and what it has forked, directly."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(int(child) for child in children.read_text().split())] if children.exists() else []
