"""Starting and stopping as an operator does: configuration file, uvicorn, drain, exposure, two on one store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from tests.free_ports import free_port
from tests.scenarios.processes import ROOT, Running, World, eventually


def test_sigterm_drains_and_what_runs_is_taken_up_again(tmp_path: Path) -> None:
    with World(tmp_path, drain_timeout_s=3) as world:
        scheduler = world.start_scheduler()
        world.start_instance("m", "--capacity", "1")
        running = world.submitted("m", {"service_ms": 6000})
        eventually(lambda: world.query(running)["state"] == "running", what="the task runs")
        waiting = world.submitted("m", {"service_ms": 1})
        scheduler.process.send_signal(signal.SIGTERM)
        eventually(lambda: health(world) == (503, "draining"), within_s=2, what="health says draining")
        refused = world.submit("m", {"x": 1})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert scheduler.process.wait(10) == 0
        world.start_scheduler()
        assert world.ended(running)["state"] == "completed"
        assert world.query(running)["attempt"] == 1
        assert world.ended(waiting)["state"] == "completed"


def test_sigterm_when_idle_ends_at_once(tmp_path: Path) -> None:
    with World(tmp_path, drain_timeout_s=300) as world:
        scheduler = world.start_scheduler()
        world.start_instance("m")
        world.ended(world.submitted("m", {"service_ms": 1}))
        assert scheduler.terminate(within_s=10) == 0


def test_the_guides_configuration_file(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    file = tmp_path / "config.yaml"
    file.write_text(
        "instances:\n"
        + "".join(f"  - host: localhost\n    port: {port}\n" for port in ports)
        + "strategy: RoundRobin\nagents:\n  busy: {slots: 3}\n",
        encoding="utf-8",
    )
    with World(tmp_path, config=file) as world:
        scheduler = world.start_scheduler()
        scheduler.wait_for("configured instance not registered yet")
        for port in ports:
            world.start_instance(f"model-on-{port}", port=port)
        scheduler.wait_for("configured instance registered")
        assert requests.get(f"{world.url}/queue/info", timeout=5).json()["strategy"] == "round_robin"
        assert {queue["model_name"] for queue in world.queues()} == {f"model-on-{port}" for port in ports}


def test_a_wrong_configuration_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("instances:\n  - host: localhost\n    port: 70000\n", encoding="utf-8")
    done = start_in_vain(tmp_path, "--config", str(file))
    assert done.returncode != 0
    assert "instances.0.port" in done.stderr
    assert "70000" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broker_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = start_in_vain(tmp_path, "--amqp", f"amqp://guest:guest@127.0.0.1:{free_port()}/")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_schedulers_on_one_store_exclude_each_other(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.start_scheduler()
        done = start_in_vain(tmp_path, "--store", f"sqlite:///{tmp_path / 'tasks.db'}")
        assert done.returncode == 1
        assert "tasks.db" in done.stderr
        assert "Traceback" not in done.stderr
        assert world.is_healthy()


def test_a_service_that_others_can_reach_says_so_aloud(tmp_path: Path) -> None:
    ports = ["--port", "0", "--grpc-port", "0", "--store", "sqlite://"]
    loud = Running(["start", "--host", "0.0.0.0", *ports], tmp_path / "loud.log")
    quiet = Running(["start", *ports], tmp_path / "quiet.log")
    try:
        loud.wait_for("WITHOUT authentication")
        quiet.wait_for("SwarmPilot scheduler on http://127.0.0.1")
        assert "authentication" not in quiet.printed
    finally:
        loud.close()
        quiet.close()


def test_uvicorn_serves_the_application(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "gateway.app:app", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "SWARMPILOT_STORE": f"sqlite:///{tmp_path / 'u.db'}", "SWARMPILOT_GRPC_PORT": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:

        def answers() -> bool:
            try:
                return bool(requests.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200)
            except requests.ConnectionError:
                return False

        eventually(answers, what="uvicorn serves")
        process.send_signal(signal.SIGTERM)
        process.wait(15)
    finally:
        process.kill()
        process.wait(10)


def health(world: World) -> tuple[int, str]:
    answer = requests.get(f"{world.url}/health", timeout=2)
    return answer.status_code, answer.json()["status"]


def start_in_vain(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A scheduler that is expected not to come up."""
    store = [] if "--store" in arguments else ["--store", f"sqlite:///{folder / 'other.db'}"]
    command = [sys.executable, "-m", "swarmpilot", "start", "--port", "0", "--grpc-port", "0", *store, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
