"""What the weather does to the network: to one connection's way by a gate, or to all between two hosts."""

from __future__ import annotations

import asyncio
import random

from tests.storm.faults import Choice, Fault, Harm
from tests.storm.hosts import Host
from tests.storm.wire import Quality, Wire
from tests.tcp_gate import Line, TcpGate

WIRE = "wire"


def on_way(name: str, gate: TcpGate, chance: random.Random, seconds: tuple[float, float]) -> list[Choice]:
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
    return [Choice(f"network: {what}", name, harm, 0.5) for what, harm in harms.items()]


def on_wire(wire: Wire, far: Host, chance: random.Random, seconds: tuple[float, float], lease_s: float) -> list[Choice]:
    """All that the only wire between two hosts may suffer, one at a time.

    TCP repeats what is lost after 0.2, 0.6, 1.4, 3 and 6.2 s: what was written just before a silence of over 5 s
    arrives when others have the shards of who wrote it.
    """
    over_lease = lease_s + 0.5, lease_s + 1.0

    def of(quality: Quality, seconds: tuple[float, float] = seconds) -> Harm:
        async def harm(_: Fault) -> None:
            wire.quality = quality
            await asyncio.sleep(chance.uniform(*seconds))
            wire.quality = Quality()

        return harm

    async def link_down(_: Fault) -> None:
        await asyncio.to_thread(far.turn_link, "down")
        await asyncio.sleep(chance.uniform(*seconds))
        await asyncio.to_thread(far.turn_link, "up")

    harms = {
        "link of the second host down": link_down,
        "no packet arrives": of(Quality(lost=1.0, lost_back=1.0)),
        "no packet arrives for just over a lease": of(Quality(lost=1.0, lost_back=1.0), over_lease),
        "no packet arrives at the first host": of(Quality(lost_back=1.0)),
        "10 % of packets lost": of(Quality(lost=0.1, lost_back=0.1)),
        "packets 50 ms late and out of order": of(Quality(latency_s=0.05, jitter_s=0.04)),
    }
    return [Choice(f"two hosts: {what}", WIRE, harm) for what, harm in harms.items()]
