"""Agents with real worker processes: what they say of themselves, how they are shut down, and how they come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from tests.scenarios.processes import Running, World, eventually
from tests.scenarios.workers import QUICK, Workers


class Agent:
    """The agent `a` over REST."""

    def __init__(self, world: World) -> None:
        self.url = f"{world.url}/agents/a"

    def record(self) -> dict[str, Any]:
        """How it is."""
        answer = requests.get(self.url, timeout=10)
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def becomes(self, state: str, code: str = "") -> dict[str, Any]:
        """Its record, once it is in this state."""

        def found() -> dict[str, Any] | None:
            record = self.record()
            return record if (record["state"], record["failure_code"]) == (state, code) else None

        record = eventually(found, what=f"agent a is {state} {code}")
        assert record is not None
        return record

    def shut_down(self, grace_s: float) -> None:
        """ShutdownAgent."""
        answer = requests.post(f"{self.url}/shutdown", json={"grace_period_s": grace_s}, timeout=10)
        assert answer.json() == {"ok": True}

    def refuses(self) -> str:
        """Why it takes no task."""
        answer = requests.post(f"{self.url}/tasks", json={"params": {}}, timeout=10).json()
        assert answer["accepted"] is False
        reason: str = answer["reason"]
        return reason


def test_what_runs_may_finish_within_the_grace_and_what_waits_runs_when_a_worker_attaches_again(
    tmp_path: Path, amqp: str | None
) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers, agent = Workers(world, tmp_path, amqp), Agent(world)
        leaving = workers.start()
        workers.submit("running")
        workers.has_started("running", 1)
        workers.submit("waiting")
        assert agent.becomes("running")["workers"][0]["condition"] == "up"
        agent.shut_down(3000.0)
        record = agent.becomes("shutting_down")
        assert (record["running"], record["waiting"], record["accepts_tasks"]) == (1, 1, False)
        assert record["shutdown_until"] > record["since"] + 2000
        assert "shutting down" in agent.refuses()
        agent.shut_down(6000.0)
        assert agent.record()["shutdown_until"] == record["shutdown_until"], "a grace does not become longer"
        workers.let_end(1)
        done = world.ended("running")
        assert (done["state"], done["attempt"]) == ("completed", 1)
        assert leaving.process.wait(30) == 0, leaving.printed
        assert agent.becomes("completed")["waiting"] == 1
        assert world.query("waiting")["state"] == "queued"
        again = workers.start()
        assert world.ended("waiting")["result"] == {"attempt": 1, "pid": again.process.pid}
        assert agent.becomes("runnable")["accepts_tasks"]


def test_without_a_grace_what_runs_is_stopped_at_once(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp) as world:
        scheduler = world.start_scheduler()
        workers, agent = Workers(world, tmp_path, amqp), Agent(world)
        leaving = workers.start()
        workers.submit("running")
        workers.has_started("running", 1)
        workers.submit("waiting")
        agent.becomes("running")
        agent.shut_down(0.0)
        record = world.ended("running")
        assert (record["state"], record["error_code"]) == ("failed", "agent_shutdown")
        assert "incomplete" in record["result"]["error"]
        agent.becomes("failed", "shutdown_timeout")
        eventually(lambda: not world.queues(), what="the worker has left")
        scheduler.kill()
        world.start_scheduler()
        assert agent.record()["failure_code"] == "shutdown_timeout"
        assert "shutting down" in agent.refuses()
        workers.let_end(1)
        again = workers.start()
        assert world.ended("waiting")["result"]["pid"] == again.process.pid
        agent.becomes("runnable")
        assert leaving.process.wait(30) == 0, leaving.printed


def test_a_shutdown_goes_on_though_the_scheduler_was_restarted_meanwhile(tmp_path: Path) -> None:
    """The worker that was told to leave comes back for what it runs, which ends within the grace, and takes no more."""
    with World(tmp_path, **QUICK) as world:
        scheduler = world.start_scheduler()
        workers, agent = Workers(world, tmp_path, None), Agent(world)
        leaving = workers.start()
        workers.submit("running")
        workers.has_started("running", 1)
        workers.submit("waiting")
        agent.becomes("running")
        agent.shut_down(3000.0)
        leaving.wait_for("is being shut down")
        scheduler.kill()
        world.start_scheduler()
        eventually(lambda: leaving.printed.count(" as worker ") == 2, what="the worker has come back")
        assert "shutting down" in agent.refuses()
        workers.let_end(1)
        done = world.ended("running")
        assert (done["state"], done["attempt"]) == ("completed", 1)
        assert leaving.process.wait(30) == 0, leaving.printed
        assert agent.becomes("completed")["waiting"] == 1
        workers.start()
        assert world.ended("waiting")["attempt"] == 1
        agent.becomes("runnable")


def test_an_agent_that_nobody_serves_has_failed_until_somebody_does(tmp_path: Path, amqp: str | None) -> None:
    times: dict[str, Any] = {"agent_initializing_timeout_s": 0.2, "agent_recovering_timeout_s": 0.2}
    with World(tmp_path, amqp=amqp, **QUICK, **times) as world:
        world.start_scheduler()
        workers, agent = Workers(world, tmp_path, amqp), Agent(world)
        assert requests.get(agent.url, timeout=10).status_code == 404
        workers.submit("t")
        assert agent.becomes("failed", "initializing_timeout")["waiting"] == 1
        assert world.query("t")["state"] == "queued", "that is said of the agent, not of its tasks"
        first = workers.start()
        workers.has_started("t", 1)
        agent.becomes("running")
        first.kill()
        record = agent.becomes("failed", "recovering_timeout")
        assert [worker["condition"] for worker in record["workers"]] == ["down"]
        workers.let_end(2)
        workers.start()
        assert world.ended("t")["attempt"] == 2
        agent.becomes("runnable")


def test_agents_on_the_command_line(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, None)
        leaving = workers.start()
        workers.submit("t")
        workers.has_started("t", 1)
        Agent(world).becomes("running")

        def said(*arguments: str) -> str:
            command = Running([*arguments, "--url", world.url], tmp_path / f"{'-'.join(arguments)}.log")
            try:
                assert command.process.wait(30) == 0, command.printed
                return command.printed
            finally:
                command.close()

        assert "running" in said("agents")
        assert "runs 1/1" in said("agents", "a")
        assert "shutting_down; 1 running" in said("shutdown", "a", "--grace", "3000")
        workers.let_end(1)
        assert leaving.process.wait(30) == 0
