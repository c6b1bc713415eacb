"""One storm from its beginning to its verdict."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.storm.deployment import Deployment, distributed, one_service, until
from tests.storm.faults import Choice, freeze, kill, network, replace
from tests.storm.load import Load
from tests.storm.outcome import read_outcome, recoveries
from tests.storm.parts import Program
from tests.storm.rare_events import RareEvents, metrics_of
from tests.storm.report import Storm
from tests.storm.weather import Say, Weather

DEPLOYMENTS: dict[str, Callable[[Path], Deployment]] = {
    "sqlite": lambda folder: one_service(folder, postgres=False),
    "postgres": lambda folder: one_service(folder, postgres=True),
    "distributed": distributed,
}
TITLES = {
    "sqlite": "One service over RabbitMQ with SQLite",
    "postgres": "One service over RabbitMQ with PostgreSQL",
    "distributed": "Two processes of each role over RabbitMQ with PostgreSQL",
}
OPEN_STATES = re.compile(r'^swarmpilot_tasks\{state="(queued|suspended|dispatched|running|preempting)"\} (\d+)', re.M)


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` of storm at `rate` tasks a second; frozen and cut off for a time within `frozen_s` and `cut_s`."""

    deployment: str
    seconds: float = 60.0
    rate: float = 60.0
    seed: int = 0
    frozen_s: tuple[float, float] = (5.0, 20.0)
    cut_s: tuple[float, float] = (1.0, 6.0)
    drain_s: float = 180.0


async def run(plan: Plan, folder: Path, say: Say) -> Storm:
    """Let it storm. Raises TimeoutError where it does not come to rest again, with what it waits for."""
    chance = random.Random(plan.seed)
    say(f"starting {TITLES[plan.deployment]}; logs are in {folder}")
    deployment = await asyncio.to_thread(DEPLOYMENTS[plan.deployment], folder)
    try:
        await deployment.start()
        load = Load(deployment.doors, folder / "executions", plan.rate, chance)
        weather = Weather(_choices(deployment, plan, chance), chance, say)
        rare = RareEvents(deployment.meters)
        watching = asyncio.create_task(rare.watch())
        say(f"storm for {plan.seconds:g} s")
        try:
            await asyncio.gather(load.run(plan.seconds + 1.0), weather.rage(plan.seconds))
            await weather.calm()
            healed = time.monotonic()
            say("all is healed; waiting for the tasks to end")
            await load.settle(plan.drain_s)
            await until(lambda: _is_quiet(deployment.doors), plan.drain_s, "all tasks have ended")
        finally:
            await load.close()
            watching.cancel()
        drained = time.monotonic() - healed
        await rare.look()
        codes = await deployment.stop_services()
        say("stopped; reading the record")
        outcome, rows = await read_outcome(deployment.settings(), load, rare.counts())
        outcome.broken += [f"a service ended with {code}" for code in codes if code != 0]
        back = recoveries(weather.faults, load, rows)
        title = TITLES[plan.deployment]
        return Storm(title, plan.seconds, plan.rate, plan.seed, drained, weather.faults, outcome, back)
    finally:
        deployment.close()


def _choices(deployment: Deployment, plan: Plan, chance: random.Random) -> Sequence[Choice]:
    choices: list[Choice] = []
    for part in deployment.parts:
        choices += [kill(part), freeze(part, chance, plan.frozen_s)]
        if isinstance(part, Program) and part.name in deployment.stand_ins:
            choices.append(replace(part, deployment.stand_ins[part.name]))
    for name, gate in deployment.gates.items():
        choices += network(name, gate, chance, plan.cut_s)
    return choices


def _is_quiet(doors: Sequence[str]) -> bool:
    """Whether the service says that no task is on its way."""
    counts = metrics_of(doors[-1])
    return bool(counts) and all(count == "0" for _, count in OPEN_STATES.findall(counts))
