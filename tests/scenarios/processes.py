"""Real processes for scenarios: a scheduler and instances, as a user starts them, ended whatever happens."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import requests

from actors.settings import Settings
from gateway.verifying import verify_store
from tests.free_ports import free_port

ROOT = Path(__file__).resolve().parents[2]

T = TypeVar("T")


def eventually(question: Callable[[], T], *, within_s: float = 30.0, what: str = "") -> T:
    """The first true answer to `question`, asked again and again; fails the test after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what or question}; last answer {answer!r}")
        time.sleep(0.03)


class Running:
    """A process of ours, with what it has printed."""

    def __init__(self, arguments: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self._log = log
        self._output = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "swarmpilot", *arguments],
            cwd=ROOT,
            env={**os.environ, "LOG_LEVEL": "INFO", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def printed(self) -> str:
        """Everything it has written so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str, within_s: float = 30.0) -> re.Match[str]:
        """Wait until it prints something; fails with its output where it ends before."""

        def found() -> re.Match[str] | None:
            match = re.search(pattern, self.printed)
            if match is None and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before {pattern!r}:\n{self.printed}")
            return match

        match = eventually(found, within_s=within_s, what=f"{pattern!r} in:\n{self.printed}")
        assert match is not None
        return match

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait(10)

    def terminate(self, within_s: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._output.close()


class World:
    """One scheduler, on a store in `folder` unless another is named, and its instances."""

    def __init__(self, folder: Path, *, amqp: str | None = None, store: str | None = None, **settings: object) -> None:
        self.folder = folder
        self._store = store or f"sqlite:///{folder / 'tasks.db'}"
        self.port = free_port()
        self.grpc_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._amqp = ["--amqp", amqp] if amqp else []
        self._settings = Settings.model_validate({**settings, "store": self._store})
        self._env = {f"SWARMPILOT_{name.upper()}": str(value) for name, value in settings.items()}
        self._children: list[Running] = []
        self.scheduler: Running | None = None

    def __enter__(self) -> World:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for child in reversed(self._children):
            child.close()
        if kind is None and self.scheduler is not None:
            self.must_be_sound()

    def must_be_sound(self, *, drained: bool = False, acknowledged: Collection[str] = ()) -> None:
        """What the store has recorded breaks no rule, as `swarmpilot verify` sees it.

        With `drained` the scheduler is stopped first, in good order, which everything must have come to an end for.
        """
        if drained and self.scheduler is not None and self.scheduler.process.poll() is None:
            assert self.scheduler.terminate() == 0, self.scheduler.printed
        expected_dead = () if drained else None
        job = verify_store(self._settings, drained=drained, acknowledged=acknowledged, expected_dead=expected_dead)
        findings = asyncio.run(job)
        assert findings.is_sound, "\n".join(str(violation) for violation in findings.violations)
        assert findings.looked_at["shards"] > 0, "nothing was looked at"

    def start_scheduler(self) -> Running:
        """Start it (again, on the same store and ports), and wait until it serves."""
        log = self.folder / f"scheduler-{len(self._children)}.log"
        ports = ["--port", str(self.port), "--grpc-port", str(self.grpc_port)]
        self.scheduler = Running(["start", *ports, "--store", self._store, *self._amqp], log, self._env)
        self._children.append(self.scheduler)
        self.scheduler.wait_for("SwarmPilot scheduler on")
        eventually(self.is_healthy, what="the scheduler answers")
        return self.scheduler

    def start_instance(self, model: str, *arguments: str, port: int | None = None) -> Running:
        """Start an instance and wait until it is registered."""
        log = self.folder / f"instance-{len(self._children)}.log"
        chosen = str(port or free_port())
        running = Running(["instance", "--model", model, "--port", chosen, "--scheduler", self.url, *arguments], log)
        self._children.append(running)
        running.wait_for("registered at")
        return running

    def start(self, arguments: list[str], log: Path) -> Running:
        """Start any other command of ours."""
        running = Running(arguments, log)
        self._children.append(running)
        return running

    def is_healthy(self) -> bool:
        """Whether the scheduler answers that it is."""
        try:
            return bool(requests.get(f"{self.url}/health", timeout=2).status_code == 200)
        except requests.ConnectionError:
            return False

    def register(self, port: int, model: str, **extra: object) -> dict[str, Any]:
        """POST /ti/register of an instance on loopback."""
        body = {"host": "127.0.0.1", "port": port, "model_name": model, **extra}
        answer: dict[str, Any] = requests.post(f"{self.url}/ti/register", json=body, timeout=10).json()
        return answer

    def submit(self, model: str, task_input: dict[str, Any], **more: Any) -> requests.Response:
        """POST /queue/submit."""
        body = {"model_name": model, "task_input": task_input, **more}
        return requests.post(f"{self.url}/queue/submit", json=body, timeout=20)

    def submitted(self, model: str, task_input: dict[str, Any], **more: Any) -> str:
        """Submit, which must succeed; the task's id."""
        answer = self.submit(model, task_input, **more)
        assert answer.status_code == 200, answer.text
        task_id: str = answer.json()["task_id"]
        return task_id

    def query(self, task_id: str) -> dict[str, Any]:
        """GET /task/query of a task that must be known."""
        answer = requests.get(f"{self.url}/task/query", params={"task_id": task_id}, timeout=10)
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def story(self, task_id: str) -> list[str]:
        """The kinds of the task's journal events, in order."""
        answer = requests.get(f"{self.url}/task/story", params={"task_id": task_id}, timeout=10)
        assert answer.status_code == 200, answer.text
        return [event["kind"] for event in answer.json()["events"]]

    def ended(self, task_id: str, within_s: float = 30.0) -> dict[str, Any]:
        """The task's record once it has ended."""

        def over() -> dict[str, Any] | None:
            record = self.query(task_id)
            return record if record["task_status"] == "completed" else None

        record = eventually(over, within_s=within_s, what=f"the end of {task_id}")
        assert record is not None
        return record

    def queues(self) -> list[dict[str, Any]]:
        """GET /queue/info."""
        queues: list[dict[str, Any]] = requests.get(f"{self.url}/queue/info", timeout=10).json()["queues"]
        return queues
