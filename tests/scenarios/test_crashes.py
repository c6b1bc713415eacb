"""Kill -9 of the whole scheduler in mid load: every accepted task is known afterwards and ends exactly once."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.postgres_server import PostgresServer
from tests.rabbit_server import RabbitServer
from tests.scenarios.processes import World, eventually
from tests.scenarios.threads import Threads


class Submitters(Threads):
    """Threads that submit until they are stopped, and remember what was acknowledged."""

    def __init__(self, world: World, threads: int = 6) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self._world = world
        super().__init__(partial(self._submit, number) for number in range(threads))

    def wait_for(self, count: int) -> None:
        """Return once so many tasks were acknowledged."""
        while len(self.acknowledged) < count and not self.stopping.wait(0.01):
            pass

    def _submit(self, number: int) -> None:
        count = 0
        while not self.stopping.is_set():
            count += 1
            task_id = f"task-{number}-{count}"
            try:
                answer = self._world.submit("m", {"service_ms": 5}, task_id=task_id, metadata={"priority": count % 3})
            except requests.RequestException:
                self.refused += 1
                self.stopping.wait(0.05)
                continue
            if answer.status_code == 200:
                self.acknowledged.append(task_id)
            else:
                self.refused += 1


def assert_each_ended_once(world: World, task_ids: list[str]) -> None:
    for task_id in task_ids:
        record = world.ended(task_id, within_s=60)
        assert record["state"] == "completed", record
        assert record["result"].get("status") != "error", record
    world.must_be_sound(drained=True, acknowledged=task_ids)


def crash_in_mid_load(world: World, crashes: int) -> None:
    world.start_scheduler()
    for speed in ("1", "2"):
        world.start_instance("m", "--capacity", "4", "--speed", speed)
    with Submitters(world) as submitters:
        for crash in range(1, crashes + 1):
            submitters.wait_for(crash * 150)
            assert world.scheduler is not None
            world.scheduler.kill()
            world.start_scheduler()
        submitters.wait_for((crashes + 1) * 150)
    assert submitters.refused > 0, "no request met the crash: nothing was shown"
    assert len(set(submitters.acknowledged)) == len(submitters.acknowledged)
    assert_each_ended_once(world, submitters.acknowledged)


def test_embedded(tmp_path: Path) -> None:
    with World(tmp_path, probe_interval_s=0.5) as world:
        crash_in_mid_load(world, crashes=3)


@pytest.mark.parametrize("hand_over", [True, False])
def test_over_rabbitmq(tmp_path: Path, rabbit: RabbitServer, hand_over: bool) -> None:
    with World(tmp_path, amqp=rabbit.url, probe_interval_s=0.5, hand_over=hand_over) as world:
        crash_in_mid_load(world, crashes=2)


@pytest.mark.parametrize("over_rabbitmq", [False, True])
def test_on_postgresql(
    tmp_path: Path, postgres_server: PostgresServer, request: pytest.FixtureRequest, over_rabbitmq: bool
) -> None:
    amqp = request.getfixturevalue("rabbit").url if over_rabbitmq else None
    with World(tmp_path, amqp=amqp, store=postgres_server.store(), probe_interval_s=0.5) as world:
        crash_in_mid_load(world, crashes=1)


def test_a_broker_outage_loses_nothing(tmp_path: Path, rabbit: RabbitServer) -> None:
    with World(tmp_path, amqp=rabbit.url, ask_timeout_s=3) as world:
        world.start_scheduler()
        world.start_instance("m", "--capacity", "4")
        with Submitters(world) as submitters:
            submitters.wait_for(100)
            rabbit.stop()
            try:
                refused = refusal_during_outage(world)
                health = requests.get(f"{world.url}/health", timeout=10)
            finally:
                rabbit.start()
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["detail"]
            assert (health.status_code, health.json()["status"]) == (503, "ill")
            assert {part["part"] for part in health.json()["ill"]} == {"broker"}
            seen = len(submitters.acknowledged)
            submitters.wait_for(seen + 100)
        eventually(world.is_healthy, what="health says that all is well again")
        assert_each_ended_once(world, submitters.acknowledged)


def refusal_during_outage(world: World) -> requests.Response:
    """The first submit that is refused; those that the broker took just before it stopped may still succeed."""
    while True:
        answer = world.submit("m", {"service_ms": 1})
        if answer.status_code != 200:
            return answer


def test_what_ended_in_time_while_the_scheduler_was_away_has_ended_though_its_time_is_over_since(
    tmp_path: Path,
) -> None:
    with World(tmp_path, max_attempts=1) as world:
        scheduler = world.start_scheduler()
        instance = world.start_instance("m")
        task_id = world.submitted("m", {"service_ms": 700}, metadata={"timeout_ms": 1500})
        eventually(lambda: "AttemptBegan" in world.story(task_id), what="the task runs")
        over = time.time() + 1.5
        scheduler.kill()
        instance.wait_for("not delivered")
        eventually(lambda: time.time() > over, what="its time is over")
        world.start_scheduler()
        record = world.ended(task_id)
        assert (record["state"], record["attempt"]) == ("completed", 1), record
