"""The TaskInstances of a simulated deployment, and how a process reaches them: over HTTP, as slow as it likes.

What becomes of a run is its task's to say (`Conduct`), and what becomes of an instance the plan's: it may die, which
makes it forget, or stand still, which does not. Reports are repeated until they are answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import assert_never

from msgspec.structs import replace

from actors.courier import InstanceReport
from actors.couriers.bodies import idempotency_key
from actors.couriers.checkpoints import checkpoint_for
from actors.errands import (
    CancelOnInstance,
    Endpoint,
    Errand,
    PostCallback,
    ProbeInstance,
    PushToInstance,
    TellToLeave,
    YieldOnInstance,
)
from actors.errors import SwarmPilotError
from actors.messages import Message
from actors.messages.agent import CallbackAnswered
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, PushOutcome, YieldAnswered
from actors.store import TaskReader
from tests.deterministic.process import Process
from tests.deterministic.runs import Run, Runs, conduct_of
from tests.deterministic.virtual_loop import VirtualLoop
from tests.deterministic.weather import Weather
from tests.properties.fake_instances import Conduct

PUSH_TIMEOUT_S = 3.0
PROBE_TIMEOUT_S = 1.5


@dataclass(eq=False, slots=True)
class Instance:
    """One of them, at its port. `booted_at` is None while it is dead."""

    port: int
    runs: Runs
    booted_at: float | None = 0.0
    frozen_until: float = 0.0
    pushes: dict[str, int] = field(default_factory=dict)


class Fleet:
    """All of them. `pushed` is told of each run that reaches one."""

    def __init__(
        self,
        ports: Sequence[int],
        loop: VirtualLoop,
        conducts: dict[str, tuple[Conduct, ...]],
        chance: Random,
        report: Callable[[Run], Awaitable[bool]],
        pushed: Callable[[PushToInstance], None],
    ) -> None:
        self.instances = {port: Instance(port, Runs(chance, report, loop.time, loop.spawn)) for port in ports}
        self.conducts = conducts
        self.pushed = pushed
        self.clock = loop.time
        self._loop = loop

    def die(self, port: int, for_s: float) -> None:
        """It is gone at once, with what it ran, and back after a while."""
        instance = self.instances[port]
        instance.booted_at = None
        instance.runs.forget()
        instance.pushes.clear()
        self._loop.later(for_s, self._boot, instance)

    def freeze(self, port: int, for_s: float) -> None:
        """It answers nobody and reports nothing for a while."""
        until = self.clock() + for_s
        self.instances[port].frozen_until = self.instances[port].runs.frozen_until = until

    def _boot(self, instance: Instance) -> None:
        instance.booted_at = self.clock()


class Roads:
    """A `Courier`: the way from one process to the fleet and back."""

    def __init__(self, fleet: Fleet, process: Process, reader: TaskReader, weather: Weather) -> None:
        self._fleet = fleet
        self._process = process
        self._reader = reader
        self._weather = weather

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """Nothing is kept open."""

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Instances of a simulation are registered with all that there is to know."""
        raise TypeError("nothing is discovered in a simulation")

    async def run(self, errand: Errand) -> Message | None:
        """Do what the actor wants of the outside."""
        self._process.moment()
        match errand:
            case PushToInstance():
                return await self._push(errand)
            case ProbeInstance():
                return await self._probe(self._fleet.instances[errand.endpoint.port])
            case YieldOnInstance():
                return await self._yield(errand)
            case CancelOnInstance():
                if await self._reach(errand.endpoint, PUSH_TIMEOUT_S):
                    self._fleet.instances[errand.endpoint.port].runs.stop(idempotency_key(errand))
                return None
            case PostCallback():
                return CallbackAnswered(errand.task_id, True, "")
            case TellToLeave():
                raise TypeError("an instance over HTTP belongs to no agent that it could leave")
            case _:
                assert_never(errand)

    async def _push(self, errand: PushToInstance) -> PushAnswered:
        def answered(outcome: PushOutcome, detail: str = "", is_fault: bool = False) -> PushAnswered:
            return PushAnswered(
                errand.task_id, errand.attempt, outcome, detail, is_fault=is_fault, resumption=errand.resumption
            )

        try:
            found = await self._reader.inputs([errand.task_id])
            left = await checkpoint_for(self._reader, errand)
        except SwarmPilotError as error:
            return answered("unreachable", str(error))
        if errand.task_id not in found:
            return answered("refused", "the task is not in the store")
        conduct = conduct_of(self._fleet.conducts, errand.task_id, errand.attempt)
        instance = self._fleet.instances[errand.endpoint.port]
        if instance.booted_at is None or conduct == "unreachable":
            return answered("unreachable", "connection refused")
        if not await self._reach(errand.endpoint, PUSH_TIMEOUT_S):
            return answered("unknown", "no answer in time")
        key = idempotency_key(errand)
        instance.pushes[key] = instance.pushes.get(key, 0) + 1
        if conduct == "lost" and instance.pushes[key] == 1:
            return answered("unknown", conduct)
        if conduct == "refuse":
            return answered("refused", conduct, is_fault=errand.attempt % 2 == 0)
        sent_at = self._fleet.clock()
        self._fleet.pushed(errand)
        run = Run(errand.task_id, errand.attempt, errand.resumption, conduct, says_attempt=len(errand.task_id) % 2 == 0)
        instance.runs.begin(run, key, b"" if left is None else left.body)
        if conduct == "early":
            await instance.runs.wait_for(key, PUSH_TIMEOUT_S / 2)
        if conduct == "unsure" and instance.pushes[key] == 1:
            return answered("unknown", conduct)
        if not await self._reach(errand.endpoint, PUSH_TIMEOUT_S):
            return answered("unknown", "no answer in time")
        return replace(answered("accepted"), sent_at=sent_at)

    async def _probe(self, instance: Instance) -> ProbeAnswered:
        if instance.booted_at is None:
            await asyncio.sleep(self._weather.way())
            return ProbeAnswered(False, "connection refused")
        if not await self._reach(Endpoint("host", instance.port), PROBE_TIMEOUT_S) or instance.booted_at is None:
            return ProbeAnswered(False, "no answer in time")
        return ProbeAnswered(True, uptime_s=self._fleet.clock() - instance.booted_at)

    async def _yield(self, errand: YieldOnInstance) -> YieldAnswered:
        run = (errand.task_id, errand.attempt, errand.resumption)
        if not await self._reach(errand.endpoint, PUSH_TIMEOUT_S):
            return YieldAnswered(*run, "unheard")
        runs = self._fleet.instances[errand.endpoint.port].runs
        given = runs.give_way(idempotency_key(errand))
        if isinstance(given, bytes):
            return YieldAnswered(*run, "yielded", given, 1.0)
        deferred_ms = 500.0 if given == "later" else 0.0
        return YieldAnswered(*run, "gone" if given == "gone" else "noted", deferred_ms=deferred_ms)

    async def _reach(self, endpoint: Endpoint, timeout: float) -> bool:
        """One way there or back; False where the time was over first, or nobody is there any more."""
        instance = self._fleet.instances[endpoint.port]
        way = max(self._weather.way(), instance.frozen_until - self._fleet.clock())
        await asyncio.sleep(min(way, timeout))
        return way <= timeout and instance.booted_at is not None
