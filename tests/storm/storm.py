"""One storm from its beginning to its verdict."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.storm.capacity import is_quiet, measure_capacity
from tests.storm.choices import choices
from tests.storm.deployment import Deployment, until
from tests.storm.deployments import TITLES, build
from tests.storm.faults import Fault
from tests.storm.hosts import Host
from tests.storm.load import Load
from tests.storm.machine import busy_share
from tests.storm.outcome import Outcome, read_outcome
from tests.storm.rare_events import RareEvents
from tests.storm.recovery import Recovery, recoveries, submits_and_ends, takings
from tests.storm.unfinished import tell_unfinished
from tests.storm.weather import Say, Weather
from tests.storm.wire import Wire

SHARE = 1 / 3
"""Of its capacity, under load in a storm."""

LONE_FREEZE_S = 3.0
"""A freeze that comes alone lasts so much longer than the shortest, at most (s): there is more to be seen."""

LOOKED_S = 1.0
"""For so long it is looked at what others use of the machine (s)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` of storm; frozen and cut off for a time within `frozen_s` and `cut_s`.

    `only`: harm with one of these in its name. `rate`: tasks a second; None for a third of what is measured for
    `measure_s` before the storm.
    """

    deployment: str
    seconds: float = 60.0
    rate: float | None = None
    seed: int = 0
    only: tuple[str, ...] = ("",)
    frozen_s: tuple[float, float] = (5.0, 20.0)
    cut_s: tuple[float, float] = (1.0, 6.0)
    measure_s: float = 10.0
    drain_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm that is over. `busy`: the share of the machine that others used just before it began to start.
    `capacity` is None where it was not measured."""

    plan: Plan
    busy: float
    capacity: float | None
    rate: float
    drained_s: float
    faults: Sequence[Fault]
    outcome: Outcome
    recoveries: Sequence[Recovery]


async def run(plan: Plan, folder: Path, say: Say, hosts: tuple[Host, Host, Wire] | None = None) -> Storm:
    """Let it storm. Raises TimeoutError where it does not come to rest again, with what it waits for."""
    chance = random.Random(plan.seed)
    busy = await asyncio.to_thread(busy_share, LOOKED_S)
    say(f"starting {TITLES[plan.deployment]}; logs are in {folder}")
    deployment = await asyncio.to_thread(build, plan.deployment, folder, hosts)
    load = Load(deployment.doors, folder / "executions", chance)
    try:
        await deployment.start()
        capacity = None if plan.rate is not None else await _measured(plan, deployment, load, say)
        rate = plan.rate if capacity is None else SHARE * capacity
        assert rate is not None
        storm = await _storm(plan, deployment, load, rate, say)
        return replace(storm, busy=busy, capacity=capacity)
    finally:
        await load.close()
        deployment.close()


async def _measured(plan: Plan, deployment: Deployment, load: Load, say: Say) -> float:
    capacity = await measure_capacity(load, deployment.doors[0], plan.measure_s)
    say(f"it can do {capacity:.0f} tasks/s; waiting for those to end")
    await _drain(plan, deployment, load)
    return capacity


async def _drain(plan: Plan, deployment: Deployment, load: Load) -> None:
    try:
        await load.settle(plan.drain_s)
        await until(lambda: is_quiet(deployment.doors[-1]), plan.drain_s, "all tasks have ended")
    except TimeoutError as error:
        if not deployment.store.startswith("postgres"):  # a file is refused to a second process
            raise
        raise TimeoutError(f"{error}\n{await tell_unfinished(deployment.settings())}") from None


async def _is_as_before(deployment: Deployment, load: Load, rate: float) -> None:
    """Return once nobody waits to be acknowledged, and what is under way came within half a second."""
    for url in deployment.doors:
        while load.waits() > 1.0 or not await asyncio.to_thread(is_quiet, url, rate / 2):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def _storm(plan: Plan, deployment: Deployment, load: Load, rate: float, say: Say) -> Storm:
    frozen_least, _ = plan.frozen_s
    lone, heaped = (
        [
            choice
            for choice in choices(deployment, load.chance, frozen_s, plan.cut_s)
            if any(name in choice.what for name in plan.only)
        ]
        for frozen_s in ((frozen_least, frozen_least + LONE_FREEZE_S), plan.frozen_s)
    )
    weather = Weather(lone, heaped, partial(_is_as_before, deployment, load, rate), load.chance, say)
    rare = RareEvents(deployment.meters)
    watching = asyncio.create_task(rare.watch())
    say(f"storm for {plan.seconds:g} s at {rate:.0f} tasks/s")
    try:
        await asyncio.gather(load.run(plan.seconds + 1.0, rate), weather.rage(plan.seconds))
        await weather.calm()
        healed = time.monotonic()
        say("all is healed; waiting for the tasks to end")
        await _drain(plan, deployment, load)
    finally:
        watching.cancel()
    drained = time.monotonic() - healed
    await rare.look()
    codes = await deployment.stop_services()
    say("stopped; reading the record")
    outcome, rows = await read_outcome(deployment, load, rare.counts())
    outcome.broken += [f"a service ended with {code}" for code in codes if code != 0]
    back = recoveries(weather.faults, submits_and_ends(load, rows), takings(deployment.folder))
    return Storm(plan, 0.0, None, rate, drained, weather.faults, outcome, back)
