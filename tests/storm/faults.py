"""What the weather does: one class of harm each, and when it was done and undone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.storm.parts import Part, Program
from tests.tcp_gate import Line, TcpGate


@dataclass(slots=True)
class Fault:
    """`what` was done to `whom` at `at` and undone at `healed_at` (Unix seconds)."""

    what: str
    whom: str
    at: float
    healed_at: float = 0.0


WEIGHTS = {"service": 4.0, "broker": 0.7, "database": 1.5}
"""How often each is killed, compared with an instance or a worker: a broker takes seconds to start."""

Harm = Callable[[Fault], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A harm that may befall `whom`; while it lasts nothing else does. `harm` returns once it is undone."""

    what: str
    whom: str
    harm: Harm
    weight: float = 1.0


def kill(part: Part) -> Choice:
    """Kill -9, then start it again."""

    async def harm(fault: Fault) -> None:
        await part.kill()
        fault.at = time.time()
        await part.start()

    return Choice(f"kill -9 {part.kind}", part.name, harm, WEIGHTS.get(part.kind, 1.0))


def freeze(part: Part, chance: random.Random, seconds: tuple[float, float]) -> Choice:
    """SIGSTOP for a while."""

    async def harm(_: Fault) -> None:
        part.freeze()
        await asyncio.sleep(chance.uniform(*seconds))
        part.thaw()

    return Choice(f"SIGSTOP {part.kind}", part.name, harm, 0.7)


def replace(part: Program, stand_in: Program) -> Choice:
    """SIGSTOP until another process has taken its shards, then SIGCONT: whatever it still writes must be refused.

    Both run for a while then, each with its share, until the stand-in is stopped.
    """

    async def harm(_: Fault) -> None:
        part.freeze()
        await stand_in.start()
        await asyncio.sleep(5.0)
        part.thaw()
        await asyncio.sleep(2.0)
        await stand_in.stop()

    return Choice(f"SIGSTOP and replace {part.kind}", part.name, harm, 2.0)


def network(name: str, gate: TcpGate, chance: random.Random, seconds: tuple[float, float]) -> list[Choice]:
    """All that the way over this gate may suffer."""

    async def silent(_: Fault) -> None:
        gate.hold()
        await asyncio.sleep(chance.uniform(*seconds))
        gate.let_go()

    async def late(_: Fault) -> None:
        gate.line = Line(latency_s=0.1, jitter_s=0.08)
        await asyncio.sleep(chance.uniform(*seconds))
        gate.line = Line()

    async def slow(_: Fault) -> None:
        gate.line = Line(bytes_per_s=200_000)
        await asyncio.sleep(chance.uniform(*seconds))
        gate.line = Line()

    async def reset(_: Fault) -> None:
        gate.reset()

    async def cut(_: Fault) -> None:
        gate.cut_in_frame()

    harms = {"silence": silent, "latency": late, "low bandwidth": slow, "reset": reset, "cut in mid frame": cut}
    return [Choice(f"network: {what}", name, harm, 0.3) for what, harm in harms.items()]
