"""Tasks of real worker processes give way and are resumed; those of dead ones go on from their last checkpoint."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.scenarios.processes import World, eventually
from tests.scenarios.workers import QUICK, Workers


@pytest.mark.parametrize("call", ["steps", "steps_in_a_thread"])
def test_a_task_that_gives_way_three_times_does_each_step_once(tmp_path: Path, amqp: str | None, call: str) -> None:
    pauses = [20, 50, 80]
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        workers.start(call=call)
        workers.submit("t", pauses=pauses)
        for pause in pauses:
            workers.has_done("t", pause + 1)
            assert workers.preempt("t")
        record = world.ended("t")
        assert (record["state"], record["attempt"]) == ("completed", 1)
        assert record["result"]["from"] == 81
        done = workers.steps("t")
        assert [step.number for step in done] == list(range(100))
        assert [step.resumption for step in done] == [0] * 21 + [1] * 30 + [2] * 30 + [3] * 19
        assert world.story("t").count("RunSuspended") == 3
        assert not workers.preempt("t"), "it has ended"


def test_a_more_important_task_takes_the_place_and_gives_it_back(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        workers.start(call="steps")
        workers.submit("long", holds=[30])
        workers.has_done("long", 31)
        workers.submit("urgent", priority=10)
        assert world.ended("urgent")["state"] == "completed"
        workers.let_end(1)
        record = world.ended("long")
        assert (record["state"], record["attempt"], record["result"]["from"]) == ("completed", 1, 31)
        assert [step.number for step in workers.steps("long")] == list(range(100))


def test_a_task_of_a_killed_worker_goes_on_from_its_last_checkpoint(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp, **QUICK) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        dying = workers.start(call="steps")
        workers.submit("t", holds=[40])
        workers.has_done("t", 41)
        eventually(lambda: "ProgressNoted" in world.story("t"), what="what the worker says of its progress")
        dying.kill()
        other = workers.start(call="steps")
        record = world.ended("t")
        assert (record["state"], record["attempt"]) == ("completed", 2)
        begun = record["result"]["from"]
        assert 0 < begun <= 41
        assert [step.number for step in workers.steps("t") if step.pid == other.process.pid] == list(range(begun, 100))


def test_a_frozen_worker_cannot_end_what_another_goes_on_with(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp, **QUICK) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        frozen = workers.start(call="steps")
        workers.submit("t", holds=[40, 70])
        workers.has_done("t", 41)
        eventually(lambda: "ProgressNoted" in world.story("t"), what="what the worker says of its progress")
        other = workers.start(call="steps")
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            eventually(lambda: workers.steps("t")[-1].pid == other.process.pid, what="steps of the other")
            workers.let_end(1)
        finally:
            frozen.process.send_signal(signal.SIGCONT)
        eventually(lambda: "LateReportSeen" in world.story("t"), what="the report of the first attempt")
        eventually(lambda: world.query("t")["state"] == "running", what="the second attempt is known to run")
        workers.let_end(2)
        record = world.ended("t")
        assert record["result"]["pid"] == other.process.pid
        assert 0 < record["result"]["from"] <= 41
        assert world.story("t").count("TaskFinished") == 1


def test_a_task_that_does_not_listen_is_forced_and_its_place_is_free(tmp_path: Path, amqp: str | None) -> None:
    with World(tmp_path, amqp=amqp, preempt_grace_s=0.3, terminate_grace_s=0.3) as world:
        world.start_scheduler()
        workers = Workers(world, tmp_path, amqp)
        worker = workers.start(call="deaf")
        workers.submit("deaf")
        workers.has_done("deaf", 1)
        assert workers.preempt("deaf")
        record = world.ended("deaf")
        assert (record["state"], record["error_code"], record["attempt"]) == ("failed", "forced_preemption", 1)
        assert [step.number for step in workers.steps("deaf")] == [0, 1], "it was told"
        story = world.story("deaf")
        assert [kind for kind in story if kind in ("PreemptionBegan", "TerminationBegan", "TaskFinished")] == [
            "PreemptionBegan",
            "TerminationBegan",
            "TaskFinished",
        ]
        workers.submit("next")
        assert workers.has_done("next", 1)[0].pid == worker.process.pid
        workers.let_end(1)
        assert world.ended("next")["state"] == "completed"
