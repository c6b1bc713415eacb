"""The figure `yield`: how long it takes until a running task has given way to a more important one.

An agent has one slot and one worker. A long task comes to a safe point after each step of `STEP_S`. A more important
one is submitted; what is measured is the time from before that request until a query says that the long one is
suspended, which it says once that is on disk, less the half step that it is away from its next safe point on average.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from typing import Any
from urllib.parse import urlsplit

from benchmarks.deployment import Deployment
from benchmarks.figures import Row, Say, percentile
from benchmarks.plan import GOALS, Plan

AGENT = "bench"
LONG = "long"
STEP_S = 0.001
URGENT_S = 0.03
"""How long the urgent task runs (s), so that the long one is seen suspended."""
POLL_S = 0.0005
TIMEOUT_S = 30.0


def measure_yields(service: Deployment, amqp: str | None, plan: Plan, say: Say) -> list[Row]:
    """Milliseconds from the request to the record that the long task has given way."""
    worker = service.start_worker(AGENT, 1, amqp, "take_steps")
    connection = Connection(service.url)
    connection.submit(LONG, {"step_s": STEP_S}, priority=0)
    chance, latencies = random.Random(3), []
    for number in range(plan.yields):
        connection.wait_for(LONG, "running", pause_s=0.005)
        time.sleep(chance.uniform(0.01, 0.03))
        began = time.monotonic()
        connection.submit(f"urgent-{number}", {"sleep_s": URGENT_S}, priority=10)
        connection.wait_for(LONG, "suspended", pause_s=POLL_S)
        latencies.append((time.monotonic() - began - STEP_S / 2) * 1000)
    worker.kill()
    latencies.sort()
    half, tail = percentile(latencies, 50), percentile(latencies, 99)
    say(f"p50 {half:.2f} ms, p99 {tail:.2f} ms from request to yielded, of {len(latencies)}")
    note = "from request to yielded, beyond the way to the next safe point"
    return [
        _row("yield p50", service, half, latencies, note),
        _row("yield p99", service, tail, latencies, note),
    ]


def _row(figure: str, service: Deployment, measured: float, latencies: list[float], note: str) -> Row:
    goal = GOALS[figure, service.name]
    return Row(figure, service.name, measured, "ms", goal, goal.is_met_by(measured), latencies, None, note)


class Connection:
    """A kept-alive connection to the scheduler."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._http = http.client.HTTPConnection(target.hostname or "", target.port, timeout=TIMEOUT_S)

    def submit(self, task_id: str, task_input: dict[str, Any], priority: int) -> None:
        """Submit a task of the agent. Raises AssertionError where it is not accepted."""
        body = {"task_id": task_id, "params": task_input, "priority": priority}
        answer = self._ask("POST", f"/agents/{AGENT}/tasks", json.dumps(body))
        assert answer.get("accepted"), f"not accepted: {answer}"

    def wait_for(self, task_id: str, state: str, pause_s: float) -> None:
        """Return once the task is in this state. Raises TimeoutError."""
        deadline = time.monotonic() + TIMEOUT_S
        while (answer := self._ask("GET", f"/task/query?task_id={task_id}")).get("state") != state:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{task_id} is not {state}: {answer}")
            time.sleep(pause_s)

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        self._http.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer: dict[str, Any] = json.loads(self._http.getresponse().read())
        return answer
