"""The examples run as their own text says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from gateway.config_file import read_config
from tests.rabbit_server import RabbitServer
from tests.scenarios.processes import ROOT, World


def run_example(name: str, **env: str) -> str:
    """Run it to its end, which must be good; what it printed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_basic_usage(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.start_scheduler()
        world.start_instance("my-model", "--capacity", "4", "--speed", "10")
        printed = run_example("basic_usage.py", SWARMPILOT_URL=world.url)
    assert "'tokens_used': 100" in printed
    assert "100 ended, 0 of them failed" in printed
    assert "50 results, 500 tokens" in printed


def test_a_producer_on_rabbitmq(tmp_path: Path, rabbit: RabbitServer) -> None:
    with World(tmp_path, amqp=rabbit.url) as world:
        world.start_scheduler()
        world.start_instance("my-model")
        printed = run_example("amqp_producer.py", AMQP_URL=rabbit.url)
    assert "answer: {'type': 'TaskAccepted'" in printed
    assert "task.completed.model:my-model" in printed


def test_the_configuration_file_is_one() -> None:
    file = ROOT / "examples" / "instances.yaml"
    assert read_config(file).model_dump(exclude_unset=True) == yaml.safe_load(file.read_text())
