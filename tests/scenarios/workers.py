"""Real worker processes of one agent, what they are given and what they have done."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.scenarios.processes import Running, World, eventually

QUICK: dict[str, Any] = {"probe_interval_s": 0.3, "probe_timeout_s": 1, "retry_delay_s": 0.1}


class Step(NamedTuple):
    """One step of a task, as the run that did it has noted it."""

    number: int
    attempt: int
    resumption: int
    pid: int


class Workers:
    """Workers of the agent `a`; their tasks wait until `let_end`."""

    def __init__(self, world: World, folder: Path, amqp: str | None) -> None:
        self.world = world
        self.by = ["--amqp", amqp] if amqp else ["--url", world.url]
        self._folder = folder
        self._count = 0

    def start(self, *arguments: str, call: str = "run") -> Running:
        """Start one, and wait until it is attached."""
        running = self.begin(*arguments, call=call)
        running.wait_for("attached to")
        return running

    def begin(self, *arguments: str, call: str = "run") -> Running:
        """Start one."""
        self._count += 1
        function = f"tests.scenarios.worker_functions:{call}"
        log = self._folder / f"worker-{self._count}.log"
        return self.world.start(["worker", "--agent", "a", "--call", function, *self.by, *arguments], log)

    def submit(self, task_id: str, *, priority: int = 0, **params: Any) -> None:
        """A task of the agent, over REST."""
        params["folder"] = str(self._folder)
        body = {"task_id": task_id, "params": params, "priority": priority}
        answer = requests.post(f"{self.world.url}/agents/a/tasks", json=body, timeout=10).json()
        assert answer["accepted"], answer

    def has_started(self, task_id: str, attempt: int) -> int:
        """The process that runs this attempt, once one does."""

        def pid() -> int | None:
            file = self._folder / "starts"
            starts = [line.split(":") for line in file.read_text().splitlines()] if file.exists() else []
            pids = [int(start[2]) for start in starts if start[:2] == [task_id, str(attempt)]]
            assert len(pids) <= 1, f"attempt {attempt} was started {len(pids)} times"
            return pids[0] if pids else None

        found = eventually(pid, what=f"attempt {attempt} of {task_id} runs")
        assert found is not None
        return found

    def preempt(self, task_id: str) -> bool:
        """Ask the task to give way; whether it could be asked."""
        path = f"/agents/a/tasks/{task_id}/preempt"
        answer = requests.post(f"{self.world.url}{path}", json={"reason": "by hand"}, timeout=10)
        assert answer.status_code == 200, answer.text
        enqueued: bool = answer.json()["enqueued"]
        return enqueued

    def steps(self, task_id: str) -> list[Step]:
        """What has been done of the task, in order."""
        file = self._folder / f"steps-{task_id}"
        lines = file.read_text().splitlines() if file.exists() else []
        return [Step(*(int(number) for number in line.split(":"))) for line in lines]

    def has_done(self, task_id: str, count: int) -> list[Step]:
        """What has been done, once it is so many steps."""
        return eventually(
            lambda: steps if len(steps := self.steps(task_id)) >= count else [], what=f"{count} steps of {task_id}"
        )

    def let_end(self, attempt: int) -> None:
        """Let runs of this attempt return."""
        (self._folder / f"open-{attempt}").touch()
