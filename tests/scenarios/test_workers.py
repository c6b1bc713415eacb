"""Real worker processes: they run their agent's tasks, die, freeze, drain, and outlive a restart of the scheduler."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import aiohttp
import grpc
import pytest
import requests

from actors.messages import Answer
from actors.messages.answers import ReportAnswered, WorkerAttached
from protos import scheduler_pb2, scheduler_pb2_grpc
from tests.contracts.test_worker_socket import ATTACH, Hand, report
from tests.rabbit_server import RabbitServer
from tests.scenarios.processes import Running, World, eventually
from tests.scenarios.workers import QUICK, Workers


def test_tasks_of_an_agent_run_on_its_worker_whichever_way_they_came(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        world.start_instance("m")
        Workers(world, tmp_path, amqp).start(call="answer")
        by_rest = world.submitted("m", {"x": 1}, metadata={"agent_id": "a", "tag": 5})
        expected = {"answer": {"x": 1}, "model": "m", "metadata": {"agent_id": "a", "tag": 5}}
        assert world.ended(by_rest)["result"] == expected
        with grpc.insecure_channel(f"127.0.0.1:{world.grpc_port}") as channel:
            stub = scheduler_pb2_grpc.SchedulerServiceStub(channel)  # type: ignore[no-untyped-call]
            params = json.dumps({"x": 2}).encode()
            request = scheduler_pb2.SubmitTaskRequest(
                agent_id="a", task_id="by-grpc", params=params, content_type="application/json"
            )
            assert stub.SubmitTask(request).accepted
        assert world.ended("by-grpc")["result"] == {"answer": {"x": 2}, "model": "", "metadata": {}}
        elsewhere = world.submitted("m", {"service_ms": 1})
        assert "tokens_used" in world.ended(elsewhere)["result"], "a task of no agent is the instance's"


@pytest.mark.parametrize("name", ["wörker", "😀" * 100])
def test_an_agent_has_workers_whatever_it_is_called(tmp_path: Path, amqp: str | None, name: str) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        Workers(world, tmp_path, amqp).start("--agent", name, call="answer")
        assert world.ended(world.submitted("m", {"x": 1}, metadata={"agent_id": name}))["result"]["answer"] == {"x": 1}


def test_a_worker_may_connect_to_the_gateway_of_a_scheduler_that_has_a_broker(
    tmp_path: Path, rabbit: RabbitServer
) -> None:
    with World(tmp_path, amqp=rabbit.url) as world:
        world.start_scheduler()
        Workers(world, tmp_path, None).start(call="answer")
        assert world.ended(world.submitted("m", {"x": 1}, metadata={"agent_id": "a"}))["result"]["answer"] == {"x": 1}


def test_a_result_over_a_websocket_may_be_as_large_as_the_scheduler_takes_it(tmp_path: Path) -> None:
    """It is base64 in its frame, and so a third larger; beyond a limit of its own the server would hang up."""
    result = b'{"text":"%s"}' % (b"x" * 15_000_000)

    async def tell(url: str) -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/workers/attach", max_msg_size=0) as socket,
        ):
            hand = Hand(socket)
            assert isinstance(await hand.ask(ATTACH), WorkerAttached)
            return await hand.ask(report("unknown", result))

    with World(tmp_path, max_body_bytes=16_000_000) as world:
        world.start_scheduler()
        assert asyncio.run(tell(world.url)) == ReportAnswered("unknown", False)


def test_a_task_of_a_killed_worker_runs_on_another(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp, **QUICK) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        dying = workers.start()
        workers.submit("t")
        assert workers.has_started("t", 1) == dying.process.pid
        other = workers.start()
        dying.kill()
        assert workers.has_started("t", 2) == other.process.pid
        workers.let_end(2)
        record = world.ended("t")
        assert (record["state"], record["attempt"]) == ("completed", 2)
        assert record["result"] == {"attempt": 2, "pid": other.process.pid}


def test_a_worker_that_is_started_again_under_its_name_gets_the_task_again(tmp_path: Path, amqp: str | None) -> None:
    """Without waiting for probes: the new process says that it is another."""
    with World(tmp_path, amqp=amqp, **{**QUICK, "probe_interval_s": 3000}) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        first = workers.start("--id", "w")
        workers.submit("t")
        workers.has_started("t", 1)
        eventually(lambda: world.query("t")["state"] == "running", what="the service knows that it runs")
        first.kill()
        second = workers.start("--id", "w")
        assert workers.has_started("t", 2) == second.process.pid
        workers.let_end(2)
        assert world.ended("t")["result"]["pid"] == second.process.pid
        assert len(world.queues()) == 1


def test_a_frozen_worker_cannot_end_a_task_that_was_given_to_another(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp, **QUICK) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        frozen = workers.start()
        workers.submit("t")
        workers.has_started("t", 1)
        other = workers.start()
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            assert workers.has_started("t", 2) == other.process.pid
            workers.let_end(1)
        finally:
            frozen.process.send_signal(signal.SIGCONT)
        eventually(lambda: "LateReportSeen" in world.story("t"), what="the report of attempt 1")
        eventually(lambda: world.query("t")["state"] == "running", what="attempt 2 is known to run")
        workers.let_end(2)
        record = world.ended("t")
        assert record["result"] == {"attempt": 2, "pid": other.process.pid}
        assert world.story("t").count("TaskFinished") == 1


def test_a_worker_that_is_stopped_finishes_what_it_runs_and_takes_nothing_more(
    tmp_path: Path, amqp: str | None
) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        leaving = workers.start()
        workers.submit("running")
        workers.has_started("running", 1)
        workers.submit("waiting")
        leaving.process.send_signal(signal.SIGTERM)
        leaving.wait_for("detached, finishing 1 running")
        workers.let_end(1)
        assert leaving.process.wait(20) == 0
        record = world.ended("running")
        assert (record["state"], record["attempt"]) == ("completed", 1)
        assert world.query("waiting")["state"] == "queued"
        assert world.queues() == []
        next_one = workers.start()
        assert world.ended("waiting")["result"] == {"attempt": 1, "pid": next_one.process.pid}


def test_a_result_counts_though_the_scheduler_was_restarted_meanwhile(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp) as world:
        scheduler = world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        worker = workers.start()
        workers.submit("t")
        workers.has_started("t", 1)
        eventually(lambda: world.query("t")["state"] == "running", what="the task runs")
        scheduler.kill()
        workers.let_end(1)
        if amqp is None:
            worker.wait_for("not attached")
        world.start_scheduler()
        record = world.ended("t")
        assert (record["state"], record["attempt"]) == ("completed", 1)
        assert record["result"] == {"attempt": 1, "pid": worker.process.pid}
        assert world.story("t").count("AttemptBegan") == 1
        assert os.getpgid(worker.process.pid), "and the worker is still there"


def test_two_processes_cannot_be_the_same_worker(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        first = workers.start("--id", "w")
        second = workers.begin("--id", "w")
        second.wait_for("another process")
        first.kill()
        second.wait_for("attached to")


def test_a_result_counts_though_rabbitmq_was_restarted_meanwhile(tmp_path: Path, rabbit: RabbitServer) -> None:
    with World(tmp_path, amqp=rabbit.url) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, rabbit.url)
        worker = workers.start()
        workers.submit("t")
        workers.has_started("t", 1)
        rabbit.stop()
        workers.let_end(1)
        worker.wait_for("not attached")
        rabbit.start()
        record = world.ended("t", within_s=60)
        assert (record["state"], record["attempt"]) == ("completed", 1)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--agent", "a", "--call", "nowhere:run"], "nowhere"),
        (["--agent", "a", "--call", "json:nothing"], "nothing"),
        (["--agent", "", "--call", "json:dumps"], "agent"),
        (["--agent", "a", "--call", "tests.scenarios.worker_functions:run", "--url", "ftp://x"], "url"),
        (["--agent", "a", "--call", "tests.scenarios.worker_functions:run", "--amqp", "http://x"], "amqp"),
    ],
)
def test_a_wrong_command_is_one_clear_line(tmp_path: Path, arguments: list[str], word: str) -> None:
    running = Running(["worker", *arguments], tmp_path / "w.log")
    try:
        assert running.process.wait(20) == 2
    finally:
        running.close()
    [line] = running.printed.splitlines()
    assert word in line


def test_a_worker_leaves_with_its_agent_and_what_waits_runs_when_it_attaches_again(
    tmp_path: Path, amqp: str | None
) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        leaving = workers.start()
        workers.submit("running")
        workers.has_started("running", 1)
        workers.submit("waiting")
        shutdown = requests.post(f"{world.url}/agents/a/shutdown", json={"grace_period_s": 60}, timeout=10)
        assert shutdown.json()["ok"]
        leaving.wait_for("to leave within")
        workers.let_end(1)
        assert leaving.process.wait(20) == 0
        assert "leaving: agent a is being shut down" in leaving.printed
        assert world.ended("running")["state"] == "completed"
        assert world.query("waiting")["state"] == "queued"
        again = workers.start()
        assert world.ended("waiting")["result"] == {"attempt": 1, "pid": again.process.pid}


def test_a_worker_whose_task_does_not_end_leaves_with_its_agent_all_the_same(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        leaving = workers.start(call="deaf")
        workers.submit("deaf")
        workers.has_done("deaf", 1)
        shutdown = requests.post(f"{world.url}/agents/a/shutdown", json={"grace_period_s": 0}, timeout=10)
        assert shutdown.json()["ok"]
        assert leaving.process.wait(20) == 0
        record = world.ended("deaf")
        assert record["state"] != "completed"
        assert record["error_code"]
