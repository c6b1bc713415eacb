"""The client's side of a process: the edge that REST and gRPC are built on, and what the configuration asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import structlog

from actors.addresses import SCHEDULER
from actors.courier import InstanceUnreachable
from actors.errors import SwarmPilotError
from actors.messages.answers import Refused
from actors.messages.scheduler import SetStrategy
from actors.settings import Settings
from gateway.activity_feed import ActivityFeed
from gateway.assembly import chosen_strategies
from gateway.attached_workers import AttachedWorkers
from gateway.config_file import ConfigError, InstanceEntry
from gateway.edge import Edge, Phase, ServiceStatus
from gateway.foundation import Foundation
from gateway.registering import RegistrationRefused, register_instance
from gateway.rpc import RpcServer

T = TypeVar("T")

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0
"""Pauses between attempts to carry out what the configuration file asks for (s)."""


class Front:
    """Serves clients from `listen` on: those of gRPC hear that it is starting, until the phase is another."""

    def __init__(self, settings: Settings, phase: Callable[[], Phase], status: Callable[[], ServiceStatus]) -> None:
        self._phase = phase
        self._status = status
        self._rpc = RpcServer(lambda: self.edge, settings) if settings.grpc_port >= 0 else None
        self._arranging: set[asyncio.Task[None]] = set()

    def stand_on(self, foundation: Foundation) -> None:
        """Use these parts from now on. Raises ConfigError where what is configured cannot be used."""
        settings = foundation.settings
        self._instances = foundation.config.instances
        self._chosen = chosen_strategies(settings, foundation.config)
        self._asking = foundation.asking
        workers = AttachedWorkers(
            foundation.broker, foundation.asking, foundation.store, foundation.post, settings.max_body_bytes
        )
        self._activity = ActivityFeed(foundation.store, settings.activity_streams)
        self.edge = Edge(
            foundation.asking,
            foundation.store,
            foundation.courier,
            settings,
            self._phase,
            self._status,
            workers,
            self._activity,
            foundation.dead,
            foundation.vitals,
        )

    async def listen(self) -> int | None:
        """Take the gRPC port; None where gRPC is turned off. Raises OSError where it cannot be had."""
        return await self._rpc.start() if self._rpc is not None else None

    async def start(self, *, chooses_first: bool) -> None:
        """Carry out what is configured; strategies with `chooses_first` before anybody is served, else soon after.

        Raises ConfigError where the scheduler does not take them.
        """
        if chooses_first:
            await self._choose(self._chosen)
        elif self._chosen:
            self._arrange(self._choose_in_time())
        for entry in self._instances:
            self._arrange(self._register(entry))

    def begin_drain(self) -> None:
        """Refuse new tasks."""
        self._activity.close()
        if self._rpc is not None:
            self._rpc.begin_drain()

    def step_off(self) -> None:
        """Use the parts no more that it stands on."""
        self._activity.close()
        for task in self._arranging:
            task.cancel()

    async def stop(self) -> None:
        """Serve nobody any more."""
        self.step_off()
        if self._rpc is not None:
            await self._rpc.stop(1.0)

    def _arrange(self, arrangement: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(arrangement)
        self._arranging.add(task)
        task.add_done_callback(self._arranging.discard)

    async def _choose(self, choices: Sequence[SetStrategy]) -> None:
        """Set what the configuration names; where it names none, what is in force stays."""
        for choice in choices:
            answer = await self._asking.ask(SCHEDULER, choice)
            if isinstance(answer, Refused):
                raise ConfigError(f"{'strategy' if choice.name else 'order'}: {answer.reason}")

    async def _choose_in_time(self) -> None:
        """The same, however long the scheduler takes to appear."""
        try:
            await _in_time(lambda: self._choose(self._chosen), "the strategies of the configuration are not set yet")
        except ConfigError as error:
            log.error("the strategies of the configuration are not set", reason=str(error))

    async def _register(self, entry: InstanceEntry) -> None:
        """Register an instance of the configuration file, however long it takes to appear."""
        at = {"host": entry.host, "port": entry.port}
        accepted = await _in_time(
            lambda: register_instance(self.edge, entry.host, entry.port, entry.model_name, entry.capacity),
            "configured instance not registered yet",
            **at,
        )
        log.info("configured instance registered", **at, model=accepted.model_name)


async def _in_time(attempt: Callable[[], Awaitable[T]], not_yet: str, **what: object) -> T:
    """What the attempt comes to, made again for as long as who is needed cannot be reached."""
    pause = FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except (InstanceUnreachable, RegistrationRefused, SwarmPilotError) as error:
            log.warning(not_yet, **what, reason=str(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
