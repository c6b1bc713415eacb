"""The guide's own programs run unchanged: extracted from the document, each in a process of its own."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.processes import ROOT, Running, eventually

GUIDE = ROOT.parent / "shared" / "seeds" / "000_903e192b96b912a4.txt"

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason=f"the guide is not at {GUIDE}")


def python_blocks() -> list[str]:
    """The Python code blocks of the guide, as they stand there."""
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def block_with(text: str) -> str:
    """The one block that contains this text."""
    [block] = [block for block in python_blocks() if text in block]
    return block


@pytest.fixture
def guide_world(tmp_path: Path) -> Iterator[None]:
    """A scheduler on 8102 and an instance on 8100, the addresses that the guide's programs have in them."""
    for port in (8102, 8100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pytest.fail(f"port {port} is in use; the guide's programs need 8100 and 8102: stop what listens there")
    store = f"sqlite:///{tmp_path / 'guide.db'}"
    scheduler = Running(["start", "--port", "8102", "--grpc-port", "0", "--store", store], tmp_path / "scheduler.log")
    try:
        scheduler.wait_for("SwarmPilot scheduler on")
        instance = Running(
            ["instance", "--model", "gpt-3.5-turbo", "--port", "8100", "--speed", "50"], tmp_path / "instance.log"
        )
        try:
            instance.wait_for("registered at")
            yield
        finally:
            instance.close()
    finally:
        scheduler.close()


def run(program: str, tmp_path: Path) -> str:
    """Run it in a directory of its own; its output. It must end well."""
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("guide_world")
def test_the_complete_example_runs_unchanged(tmp_path: Path) -> None:
    printed = run(block_with("class SwarmPilotClient:"), tmp_path)
    assert "Registered instance: " in printed
    assert "Task submitted: " in printed
    assert re.search(r"Task result: \{.*'output'", printed), printed


@pytest.mark.usefixtures("guide_world")
def test_the_async_example_runs_unchanged(tmp_path: Path) -> None:
    assert "Completed 10 tasks" in run(block_with("class AsyncSwarmPilotClient:"), tmp_path)


@pytest.mark.usefixtures("guide_world")
def test_the_patterns_and_practices_run_unchanged(tmp_path: Path) -> None:
    """Every function and class of the guide, defined as it stands there, then called once."""
    wanted = (
        "def submit_and_wait(",
        "def submit_batch(",
        "def monitor_queues(",
        "class SchedulerClient:",
        "def safe_submit_task(",
        "def poll_with_backoff(",
        "class InstanceManager:",
        "def get_scheduler_health(",
    )
    blocks = [next(block for block in python_blocks() if text in block) for text in wanted]
    calls = """
assert submit_and_wait("gpt-3.5-turbo", {"prompt": "a", "max_tokens": 1})["output"]
ids = submit_batch([{"model": "gpt-3.5-turbo", "input": {"max_tokens": 1}, "batch_id": n} for n in range(3)])
assert len(set(ids)) == 3
assert all(poll_with_backoff(task_id) for task_id in ids)
monitor_queues("gpt-3.5-turbo")
assert safe_submit_task("gpt-3.5-turbo", {"max_tokens": 1})
assert safe_submit_task("no-such-model", {}) is None
client = SchedulerClient()
first = client.register_instance("localhost", 8100, "gpt-3.5-turbo")
assert first and first in client.instances
assert client.register_instance("localhost", 1, "gpt-3.5-turbo") is None
assert client.remove_instance("localhost", 8100) is True
assert client.remove_instance("localhost", 8100) is False
assert client.register_instance("localhost", 8100, "gpt-3.5-turbo")
manager = InstanceManager("http://localhost:8102")
manager.register_all([{"host": "localhost", "port": 8100, "model_name": "gpt-3.5-turbo"}])
assert len(manager.registered_instances) == 1
assert get_scheduler_health()["scheduler_status"] == "healthy"
assert get_scheduler_health()["total_queues"] >= 1
manager.cleanup()
print("all called")
"""
    printed = run("\n".join(["import requests, time", *blocks, calls]), tmp_path)
    assert "Expected wait: " in printed
    assert "all called" in printed


def test_the_blocks_are_found() -> None:
    assert len(python_blocks()) >= 10
    assert eventually(lambda: block_with("class SwarmPilotClient:"), within_s=1)
