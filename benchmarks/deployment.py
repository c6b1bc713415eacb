"""The service under test as its users start it, with instance processes, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.children import Child, Children, wait_until
from benchmarks.load import Order, Outcome
from benchmarks.plan import MODEL, DeploymentName

LOAD_TIMEOUT_S = 300.0
HELD_MS = 3_600_000
"""Run time of the task that keeps the only place taken while others wait."""

PORTS = ("--port", "0", "--grpc-port", "-1")


class Target:
    """Something at a URL that takes tasks, and the process that does."""

    def __init__(self, children: Children, process: Child, url: str) -> None:
        self.children = children
        self.process = process
        self.url = url

    def put_load(self, order: Order) -> Outcome:
        """Have a load generator carry out the order. Raises ChildFailed."""
        load = self.children.start("benchmarks.load", msgspec.json.encode(order).decode())
        return msgspec.json.decode(load.output(LOAD_TIMEOUT_S), type=Outcome)

    @property
    def memory_mib(self) -> float:
        """Resident memory of the process now."""
        return self._memory("VmRSS")

    @property
    def peak_memory_mib(self) -> float:
        """The most resident memory that the process has had."""
        return self._memory("VmHWM")

    def _memory(self, field: str) -> float:
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found.group(1)) / 1024

    @property
    def cpu_s(self) -> float:
        """Processor time that the process has used, all threads."""
        return cpu_s(self.process)


class Deployment(Target):
    """A scheduler on a store of its own, and its instances."""

    def __init__(self, children: Children, name: DeploymentName, amqp: str | None, store: str, *settings: str) -> None:
        options = ["--store", store, "--set", "log_level=WARNING", "--set", "drain_timeout_s=1"]
        options += ["--amqp", amqp] if amqp else []
        options += [part for setting in settings for part in ("--set", setting)]
        gateways = self._start(children, options)
        self.urls = [gateway.announced_url() for gateway in gateways]
        super().__init__(children, gateways[0], self.urls[0])
        self.name = name
        self._instances: list[Child] = []
        wait_until("the service is healthy", self._is_healthy)

    def _start(self, children: Children, options: list[str]) -> list[Child]:
        """Start it; the processes that serve clients."""
        return [children.start("swarmpilot", "start", *PORTS, *options)]

    def start_instances(self, count: int, capacity: int) -> None:
        """Instance processes that do no work; returns once all are registered."""
        options = ["--model", MODEL, "--simulate", "--capacity", str(capacity), "--scheduler", self.url]
        options += ["--log-level", "WARNING", "--drain-timeout", "1"]
        for _ in range(count):
            self._instances.append(self.children.start("swarmpilot", "instance", *options))
        wait_until("all instances are registered", lambda: len(self.get("/queue/info")["queues"]) == count)

    def start_simulated(self, speeds: Sequence[float]) -> dict[str, float]:
        """Instance processes of these speeds, registered in this order -> the speed of each by its ti_uuid."""
        found: dict[str, float] = {}
        for speed in speeds:
            options = ["--model", MODEL, "--simulate", "--speed", str(speed), "--scheduler", self.url]
            options += ["--log-level", "WARNING", "--drain-timeout", "1"]
            self._instances.append(self.children.start("swarmpilot", "instance", *options))
            known = len(found)
            wait_until("the instance is registered", lambda known=known: len(self._names()) > known)  # type: ignore[misc]
            [new] = self._names() - found.keys()
            found[new] = speed
        return found

    def _names(self) -> set[str]:
        return {queue["ti_uuid"] for queue in self.get("/queue/info")["queues"]}

    def start_worker(self, agent_id: str, capacity: int, amqp: str | None, function: str = "do_nothing") -> Child:
        """A worker of the agent; returns once it is attached."""
        attached = len(self.get("/queue/info")["queues"])
        options = ["--agent", agent_id, "--call", f"benchmarks.work:{function}", "--capacity", str(capacity)]
        options += ["--amqp", amqp] if amqp else ["--scheduler", self.url]
        worker = self.children.start("swarmpilot", "worker", *options, "--log-level", "WARNING", "--drain-timeout", "1")
        wait_until("the worker is attached", lambda: len(self.get("/queue/info")["queues"]) == attached + 1)
        return worker

    def hold_only_place(self) -> None:
        """One instance with one place, taken by a task that does not end: whatever comes then, waits."""
        self.start_instances(1, 1)
        self.put_load(Order(url=self.url, mode="closed", tasks=1, service_ms=HELD_MS))

    def end(self) -> None:
        """Stop all of it."""
        for instance in self._instances:
            instance.end()
        self.process.end()

    @property
    def instances_cpu_s(self) -> float:
        """Processor time that all instances have used."""
        return sum(cpu_s(instance) for instance in self._instances)

    def get(self, path: str) -> Any:
        """The JSON of an answer."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def counts(self) -> dict[str, int]:
        """How many tasks the store has in each state that has any."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=30) as answer:
            found = re.findall(r'^swarmpilot_tasks\{state="(\w+)"\} ([\d.e+]+)$', answer.read().decode(), re.MULTILINE)
        return {state: int(float(count)) for state, count in found if float(count)}

    def must_have_completed(self, total: int, task_ids: list[str]) -> None:
        """Raises AssertionError unless the store has `total` completed tasks and no other, these among them."""
        counts = self.counts()
        assert counts == {"completed": total}, f"expected {total} completed tasks, the store has {counts}"
        for task_id in task_ids:
            record = self.get(f"/task/query?task_id={task_id}")
            assert (record["state"], record["attempt"]) == ("completed", 1), f"not completed at once: {record}"

    def _is_healthy(self) -> bool:
        if self.process.process.poll() is not None:
            raise self.process.failed("ended")
        try:
            return bool(self.get("/health")["status"] == "healthy")
        except (urllib.error.URLError, OSError):
            return False


def cpu_s(child: Child) -> float:
    """Processor time that the process has used (s)."""
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
