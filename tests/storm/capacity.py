"""What a deployment can do while nothing is wrong: tasks a second, from submit to end."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress

from tests.storm.load import Load
from tests.storm.rare_events import metrics_of

WARM_UP = 0.3
"""This share of the time is not counted."""

MOST_UNFINISHED = 256
MOST_UNACKNOWLEDGED = 64

_TASKS = re.compile(r'^swarmpilot_tasks\{state="(\w+)"\} ([0-9.e+]+)', re.M)
_UNFINISHED = ("queued", "suspended", "dispatched", "running", "preempting")


async def measure_capacity(load: Load, url: str, seconds: float) -> float:
    """Completed tasks a second while so many are submitted that there are always some to be done."""
    counts: list[tuple[float, int]] = []
    unfinished = 0

    async def look() -> None:
        nonlocal unfinished
        while True:
            if tasks := await asyncio.to_thread(tasks_by_state, url):
                unfinished = sum(tasks.get(state, 0) for state in _UNFINISHED)
                counts.append((time.monotonic(), tasks.get("completed", 0)))
            await asyncio.sleep(0.1)

    begun = time.monotonic()
    looking = asyncio.create_task(look())
    try:
        await load.flood(seconds, MOST_UNACKNOWLEDGED, lambda: unfinished < MOST_UNFINISHED)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    counted = [(at, count) for at, count in counts if at >= begun + WARM_UP * seconds]
    if len(counted) < 2:
        raise TimeoutError(f"{url}/metrics did not answer often enough within {seconds:g} s to count tasks")
    (first, before), (last, after) = counted[0], counted[-1]
    return (after - before) / (last - first)


def tasks_by_state(url: str) -> dict[str, int]:
    """How many tasks are in each state; empty where nobody answers."""
    return {state: int(float(count)) for state, count in _TASKS.findall(metrics_of(url))}


def is_quiet(url: str, at_most: float = 0.0) -> bool:
    """Whether the service says that no task is on its way, or `at_most` so many."""
    tasks = tasks_by_state(url)
    return bool(tasks) and sum(tasks.get(state, 0) for state in _UNFINISHED) <= at_most
