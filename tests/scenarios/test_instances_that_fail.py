"""Instances that refuse, answer 5xx, hang, die or come back: their tasks run elsewhere or end with the reasons."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from tests.free_ports import free_port
from tests.scenarios.processes import World, eventually


class BadInstance:
    """A TaskInstance that answers /info, and pushes as `status` says; "hang" never answers, "silent" never reports."""

    def __init__(self, model: str, push: int | str) -> None:
        self.pushed: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._release = threading.Event()
        instance = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                deployed = {"model_name": model, "replicas": 1}
                self._answer(200, {"deployed_model": deployed, "queue_info": {"length_of_queue": 0}})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                instance.pushed.append(json.loads(body))
                instance.keys.append(self.headers["Idempotency-Key"])
                if push == "hang":
                    instance._release.wait(60)
                    return
                status = push if isinstance(push, int) else 200
                self._answer(status, {"status": "success", "task_id": json.loads(body)["task_id"]})

            def log_message(self, *_: object) -> None:
                """Quiet."""

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def die(self) -> None:
        """Stop listening and answering."""
        self._release.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def world_with(tmp_path: Path, bad: BadInstance, **settings: object) -> Iterator[World]:
    """A scheduler with quick probes and retries, and the bad instance registered for model m."""
    quick: dict[str, Any] = {"probe_interval_s": 0.3, "probe_timeout_s": 1, "retry_delay_s": 0.1, "push_timeout_s": 1.0}
    with World(tmp_path, **{**quick, **settings}) as world:
        world.start_scheduler()
        assert world.register(bad.port, "m")["status"] == "success"
        try:
            yield world
        finally:
            bad.die()


def test_a_refused_task_runs_elsewhere(tmp_path: Path) -> None:
    bad = BadInstance("m", push=500)
    with world_with(tmp_path, bad) as world:
        world.start_instance("m")
        records = [world.ended(world.submitted("m", {"service_ms": 1})) for _ in range(6)]
        assert {record["state"] for record in records} == {"completed"}
        refused = {push["task_id"] for push in bad.pushed}
        assert refused, "the bad instance was never tried"
        assert {record["task_id"] for record in records if record["attempt"] > 1} == refused


def test_instances_that_refuse_everything_do_not_use_up_the_attempts_of_all_tasks(tmp_path: Path) -> None:
    bad = [BadInstance("m", push=500) for _ in range(3)]
    with world_with(tmp_path, bad[0], retry_delay_s=0.5) as world:
        for instance in bad[1:]:
            world.register(instance.port, "m")
        world.start_instance("m")
        tasks = [world.submitted("m", {"service_ms": 100}) for _ in range(30)]
        records = [world.ended(task) for task in tasks]
        assert {record["state"] for record in records} == {"completed"}
        assert all(instance.pushed for instance in bad), "each was tried"
        for instance in bad[1:]:
            instance.die()


def test_without_another_instance_it_fails_with_the_reasons_of_every_attempt(tmp_path: Path) -> None:
    bad = BadInstance("m", push=503)
    with world_with(tmp_path, bad, max_attempts=3) as world:
        record = world.ended(world.submitted("m", {"x": 1}))
        assert record["task_status"] == "completed"
        assert record["state"] == "failed"
        assert record["result"]["status"] == "error"
        for attempt in ("attempt 1", "attempt 2", "attempt 3"):
            assert attempt in record["result"]["error"]
        assert "503" in record["result"]["error"]
        assert len(set(bad.keys)) == 3, "each attempt has an Idempotency-Key of its own"


def test_an_unknown_outcome_is_repeated_on_the_same_instance_with_the_same_key(tmp_path: Path) -> None:
    bad = BadInstance("m", push="hang")
    with world_with(tmp_path, bad) as world:
        task = world.submitted("m", {"service_ms": 1})
        world.start_instance("m")
        eventually(lambda: len(bad.keys) >= 2, what="a second push to the instance that hangs")
        assert set(bad.keys) == {f"{task}:1"}
        assert world.query(task)["attempt"] == 1, "not elsewhere while that instance is up"
        bad.die()
        record = world.ended(task)
        assert (record["state"], record["attempt"]) == ("completed", 2)


def test_a_task_that_is_never_reported_runs_into_its_timeout(tmp_path: Path) -> None:
    bad = BadInstance("m", push="silent")
    with world_with(tmp_path, bad, max_attempts=2) as world:
        record = world.ended(world.submitted("m", {"x": 1}, metadata={"timeout_ms": 300}))
        assert record["state"] == "failed"
        assert record["result"]["error"].count("run timeout of 300 ms") == 2


def test_an_instance_that_dies_is_marked_down_and_taken_back(tmp_path: Path) -> None:
    with World(tmp_path, probe_interval_s=0.3, probe_timeout_s=1, retry_delay_s=0.1) as world:
        world.start_scheduler()
        port = free_port()
        dying = world.start_instance("m", "--capacity", "2", port=port)
        tasks = [world.submitted("m", {"service_ms": 60_000}) for _ in range(3)]
        eventually(lambda: world.queues()[0]["running"] == 2, what="two are running, one waits")
        dying.kill()
        eventually(lambda: condition(world) == "down", what="the dead instance is marked down")
        assert {world.query(task)["state"] for task in tasks} == {"queued"}
        world.start_instance("m", "--capacity", "4", "--speed", "100000", port=port)
        records = [world.ended(task) for task in tasks]
        assert {record["state"] for record in records} == {"completed"}
        assert sorted(record["attempt"] for record in records) == [1, 2, 2]


def test_a_removed_instance_finishes_what_it_runs_and_gives_away_what_waits(tmp_path: Path) -> None:
    bad = BadInstance("m", push="silent")
    with world_with(tmp_path, bad) as world:
        running = world.submitted("m", {"x": 1})
        eventually(lambda: bad.pushed, what="the first task is pushed")
        waiting = world.submitted("m", {"service_ms": 1})
        assert world.query(waiting)["task_status"] == "queued"
        removal = requests.post(f"{world.url}/ti/remove", json={"host": "127.0.0.1", "port": bad.port}, timeout=5)
        assert removal.json()["status"] == "success"
        refused = world.submit("m", {"x": 1})
        assert (refused.status_code, refused.json()) == (
            503,
            {"detail": "No TaskInstances configured for model m"},
        )
        world.start_instance("m")
        assert world.ended(waiting)["state"] == "completed"
        assert world.query(running)["task_status"] == "scheduled"
        report = {"task_id": running, "instance_id": "me", "execution_time": 12.5, "result": {"output": "late"}}
        answer = requests.post(f"{world.url}/notify/task_complete", json=report, timeout=5).json()
        assert (answer["status"], answer["message"]) == ("success", f"Task {running} completion processed")
        assert world.query(running)["result"] == {"output": "late"}


def condition(world: World) -> str:
    [queue] = world.queues()
    word: str = queue["condition"]
    return word
