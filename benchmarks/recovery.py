"""The figure `recovery`: from kill -9 until the service answers again, started anew at once; with nothing and with many
tasks waiting.

Starting the interpreter is in it, and reading the newest snapshot and all that the journal has after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from benchmarks.deployment import Deployment
from benchmarks.figures import Row, Say
from benchmarks.load import Order
from benchmarks.plan import GOALS, Plan


def measure_recovery(start: Callable[[], Deployment], plan: Plan, say: Say) -> list[Row]:
    """`start` starts the service on one and the same store each time."""
    service = start()
    service.hold_only_place()
    rows = []
    for figure, tasks in (("recovery", 0), ("recovery, many waiting", plan.waiting_tasks)):
        if tasks:
            service.put_load(Order(url=service.url, mode="batch", tasks=tasks))
        seconds, costs = [], []
        for _ in range(plan.rounds):
            service.process.kill()
            began = time.monotonic()
            service = start()
            seconds.append(time.monotonic() - began)
            costs.append(service.cpu_s)
            waiting = service.get("/queue/info")["waiting_total"]
            assert waiting == tasks, f"{waiting} tasks wait, not {tasks}"
            say(f"{tasks:,} waiting: answers {seconds[-1]:.2f} s after kill -9; processor {costs[-1]:.2f} s")
        goal, measured = GOALS[figure, service.name], median(seconds)
        note = f"{tasks:,} waiting; processor {median(costs):.2f} s"
        rows.append(Row(figure, service.name, measured, "s", goal, goal.is_met_by(measured), seconds, None, note))
    service.end()
    return rows
