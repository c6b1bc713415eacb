"""What agents are at, as a person sees it on the command line, over restarts of the scheduler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from tests.free_ports import free_port
from tests.scenarios.processes import ROOT, World, eventually

IDLE_S = 300
"""A drain time that no test waits for: where a stream held up the end, it would show."""


def submit(url: str, task_id: str, **about: Any) -> None:
    reply = requests.post(f"{url}/agents/a/tasks", json={"task_id": task_id, "params": about}, timeout=10)
    assert reply.json()["accepted"]


def show(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "swarmpilot", "activity", *arguments, "--url", world.url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_what_is_listed(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.start_scheduler()
        assert show(world).stdout == "no activity\n"
        submit(world.url, "one", repo_id="my-repo", branch="main", description="tidy up")
        submit(world.url, "two", model_name="m")
        table = show(world, "--repo", "my-repo")
        assert (table.returncode, table.stderr) == (0, "")
        assert all(word in table.stdout for word in ("one", "queued", "my-repo", "tidy up"))
        assert "two" not in table.stdout
        world.start_instance("m")
        world.ended("two")
        [entry] = json.loads(show(world, "--history", "--json").stdout)
        assert (entry["task_id"], entry["state"]) == ("two", "completed")
        both = show(world, "--history", "--follow")
        assert (both.returncode, both.stdout) == (2, "")
        assert "exclude each other" in both.stderr


def test_following_goes_on_over_a_restart_and_holds_nothing_up(tmp_path: Path) -> None:
    with World(tmp_path, drain_timeout_s=IDLE_S) as world:
        scheduler = world.start_scheduler()
        following = world.start(["activity", "--follow", "--json", "--url", world.url], tmp_path / "follow.log")
        submit(world.url, "one")
        following.wait_for('"one"')
        assert scheduler.terminate(within_s=20) == 0
        world.start_scheduler()
        submit(world.url, "two")
        following.wait_for('"two"', within_s=60)
        tasks = [json.loads(line)["entry"]["task_id"] for line in following.printed.splitlines()]
        assert tasks == ["one", "two"]
        following.process.send_signal(signal.SIGINT)
        assert following.process.wait(10) == 130


def test_a_client_that_does_not_read_holds_nothing_up_either(tmp_path: Path) -> None:
    with World(tmp_path, drain_timeout_s=2, activity_per_agent=10_000) as world:
        scheduler = world.start_scheduler()
        world.start_instance("m")
        task = {"task_input": {"service_ms": 60_000}, "metadata": {"agent_id": "a", "description": "w" * 3900}}
        for _ in range(8):
            batch = {"model_name": "m", "tasks": [task] * 500}
            assert requests.post(f"{world.url}/queue/submit_batch", json=batch, timeout=30).status_code == 200
        with requests.get(f"{world.url}/activity/stream", stream=True, timeout=30) as unread:
            assert unread.status_code == 200
            assert requests.get(f"{world.url}/health", timeout=5).ok
            assert scheduler.terminate(within_s=20) == 0


def test_under_uvicorn_as_well(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "gateway.app:app", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "SWARMPILOT_STORE": f"sqlite:///{tmp_path / 'tasks.db'}", "SWARMPILOT_GRPC_PORT": "-1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/health", timeout=2).ok
        except requests.ConnectionError:
            return False

    try:
        eventually(answers, what="uvicorn serves")
        submit(url, "one")
        with requests.get(f"{url}/activity/stream", stream=True, timeout=30) as stream:
            lines = stream.iter_lines()
            assert next(lines) == b"id: 1"
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    finally:
        process.kill()
        process.wait(10)
