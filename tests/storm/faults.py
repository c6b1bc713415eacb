"""What the weather does to processes: one class of harm each, and when it was done and undone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.storm.parts import Part, Program
from tests.tcp_gate import TcpGate

COMMIT_COMES_S = 0.2
"""Under load something is written within so long (s)."""


@dataclass(slots=True)
class Fault:
    """`what` was done to `whom` at `at` and undone at `healed_at` (Unix seconds)."""

    what: str
    whom: str
    at: float
    healed_at: float = 0.0


WEIGHTS = {"broker": 0.4, "database": 0.7}
"""How often each is killed, compared with others: a broker takes seconds to start."""

Harm = Callable[[Fault], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A harm that may befall `whom`; while it lasts nothing else does. `harm` returns once it is undone.

    `weight`: how likely this kind of harm is, whoever it befalls.
    """

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

    return Choice(f"kill -9 {part.kind}", part.name, harm, 2.0 * WEIGHTS.get(part.kind, 1.0))


def freeze(part: Part, chance: random.Random, seconds: tuple[float, float]) -> Choice:
    """SIGSTOP for a while."""

    async def harm(_: Fault) -> None:
        part.freeze()
        await asyncio.sleep(chance.uniform(*seconds))
        part.thaw()

    return Choice(f"SIGSTOP {part.kind}", part.name, harm, 0.6 * WEIGHTS.get(part.kind, 1.0))


def freeze_in_commit(part: Program, way: TcpGate, chance: random.Random, lease_s: float) -> Choice:
    """SIGSTOP while a transaction of it is on its way, which reaches the database once others have its shards.

    A process that is stopped at any other moment knows by its clock that its lease has run out, and writes nothing.
    """

    async def harm(_: Fault) -> None:
        way.hold()
        await asyncio.sleep(COMMIT_COMES_S)
        part.freeze()
        await asyncio.sleep(lease_s + chance.uniform(1.5, 3.0))
        way.let_go()
        await asyncio.sleep(0.2)
        part.thaw()

    return Choice(f"SIGSTOP {part.kind} in a commit", part.name, harm, 1.0)


def late_writes(part: Program, way: TcpGate, chance: random.Random, lease_s: float) -> Choice:
    """The way to its database holds everything up for longer than its lease lasts, then delivers it: while others have
    its shards, a living process waits for a commit that is not there yet."""

    async def harm(_: Fault) -> None:
        way.hold()
        await asyncio.sleep(lease_s + chance.uniform(1.5, 3.5))
        way.let_go()

    return Choice(f"network: writes of {part.kind} arrive after its lease", part.name, harm, 1.0)


def replace(part: Program, stand_in: Program, way: TcpGate) -> Choice:
    """SIGSTOP in a commit until another process has taken its shards, then SIGCONT: what it wrote must be refused.

    Both run for a while then, each with its share, until the stand-in is stopped.
    """

    async def harm(_: Fault) -> None:
        way.hold()
        await asyncio.sleep(COMMIT_COMES_S)
        part.freeze()
        await stand_in.start()
        await asyncio.sleep(5.0)
        way.let_go()
        await asyncio.sleep(0.2)
        part.thaw()
        await asyncio.sleep(2.0)
        await stand_in.stop()

    return Choice(f"SIGSTOP {part.kind} in a commit, and replace it", part.name, harm, 2.0)
