"""Kill the process at any moment: no accepted task is lost, none ends twice, and the record says what happened.

The real runtime, supervisor, actors and store; the process dies at every call through a port, before and after, and
starts again on the same store while its broker delivers again in another order.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.messages import Message
from actors.messages.scheduler import RegisterInstance, RemoveInstance, SetStrategy, TaskSettled
from actors.task_lifecycle import TaskState
from tests.properties.fake_instances import CONDUCTS, Conduct, FakeInstances, Outage
from tests.properties.one_process import World
from tests.properties.replaced_process import outlive
from tests.unit.scheduling import submit

MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: the store syncs after each commit."""


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="crashes-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def register(number: int, capacity: int = 1) -> RegisterInstance:
    return RegisterInstance(f"i{number}", "host", 8000 + number, "m", capacity, capabilities=("cancel", "preempt"))


def world_of(folder: Path, hand_over: bool, tasks: list[Conduct], seed: int = 1) -> World:
    """Two instances and these tasks, each named for what its first attempt meets; later attempts go well."""
    plan: list[list[Message]] = [
        [register(1), register(2, capacity=2)],
        [submit(f"{conduct}-{n}", priority=n % 3, agent="a" * (n % 4 == 3)) for n, conduct in enumerate(tasks)],
    ]

    def conduct(task_id: str, attempt: int) -> Conduct:
        return tasks[int(task_id.partition("-")[2])] if attempt == 1 else "accept"

    name = len(list(folder.iterdir()))
    return World(FakeInstances(conduct), plan, folder / f"{name}.db", hand_over, seed)


SHORT: list[Conduct] = ["refuse", "early", "unsure"]
DISPLACED: list[Conduct] = ["long", "slow", "deaf", "accept", "accept"]
"""More than there are places, the later ones more important: the first have to give way."""
LONG: list[Conduct] = [*CONDUCTS, "accept", "accept"]


@pytest.mark.parametrize("hand_over", [True, False])
def test_in_peace_every_moment_is_of_a_kind_that_is_swept(folder: Path, hand_over: bool) -> None:
    [fuse] = world_of(folder, hand_over, LONG).run()
    kinds = {moment.removeprefix("before ").removeprefix("after ") for moment in fuse.moments}
    swept = {"take_over", "outbox", "declare", "receive", "turn", "commit", "settle", "publish", "errand", "snapshot"}
    assert kinds == swept | ({"answer"} if hand_over else set())


@pytest.mark.parametrize("hand_over", [True, False])
def test_killed_at_any_moment(folder: Path, hand_over: bool) -> None:
    [peace] = world_of(folder, hand_over, SHORT).run()
    for at in range(len(peace.moments)):
        killed, *_ = world_of(folder, hand_over, SHORT).run([at])
        assert killed.blown


def test_what_was_under_way_is_taken_up_again_and_not_left_to_a_timeout(folder: Path) -> None:
    """Instances that do well need one attempt, whenever the process is killed."""
    [peace] = world_of(folder, True, ["accept"]).run()
    for at in range(len(peace.moments)):
        world = world_of(folder, True, ["accept"])
        world.run([at])
        assert [row.attempt for row in world.rows] == [1]


@pytest.mark.parametrize("hand_over", [True, False])
def test_killed_at_any_moment_while_tasks_give_way(folder: Path, hand_over: bool) -> None:
    world = world_of(folder, hand_over, DISPLACED)
    [peace] = world.run()
    assert world.instances.left, "nothing had to give way"
    for at in range(0, len(peace.moments), 1 if hand_over else 3):
        world_of(folder, hand_over, DISPLACED).run([at])


@pytest.mark.parametrize("hand_over", [True, False])
def test_a_commit_that_the_store_refuses_is_made_again_from_what_is_stored(folder: Path, hand_over: bool) -> None:
    [peace] = world_of(folder, hand_over, SHORT).run()
    for stumble in range(0, peace.moments.count("before commit"), 2 if hand_over else 5):
        [stumbled] = world_of(folder, hand_over, SHORT).run(stumble=stumble)
        # How many commits there are depends on what happens to arrive together.
        assert stumbled.stumble is None or stumbled.moments.count("before commit") <= stumble


@pytest.mark.parametrize("hand_over", [True, False])
def test_a_commit_that_was_made_though_the_store_says_that_it_failed_has_its_effects_once(
    folder: Path, hand_over: bool
) -> None:
    [peace] = world_of(folder, hand_over, ["accept", "early"]).run()
    for stumble in range(0, peace.moments.count("before commit"), 1 if hand_over else 3):
        world = world_of(folder, hand_over, ["accept", "early"])
        world.run(stumble=stumble, in_doubt=True)
        assert [row.attempt for row in world.rows] == [1, 1], "what was under way was left to a timeout"


@pytest.mark.parametrize(
    "message", [register(1), TaskSettled("unknown", TaskState.FAILED)], ids=["to some effect", "to none"]
)
def test_a_process_that_has_been_replaced_takes_nothing_in(folder: Path, message: Message) -> None:
    """Also what means nothing to it: its successor may know the task."""
    assert "scheduler" in outlive(folder / "replaced.db", [message]).shards


@st.composite
def outages(draw: st.DrawFn) -> Outage:
    since = 1000.0 + draw(st.floats(0.1, 15.0))
    return Outage(draw(st.sampled_from([8001, 8002])), since, since + draw(st.floats(1.0, 30.0)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hand_over=st.booleans(),
    tasks=st.lists(st.sampled_from(CONDUCTS), min_size=1, max_size=10),
    kills=st.lists(st.integers(0, 250), max_size=3),
    outages=st.lists(outages(), max_size=2),
    later=st.lists(
        st.sampled_from([RemoveInstance("host", 8001), register(3), register(2), SetStrategy("round_robin")]),
        max_size=3,
    ),
    seed=st.integers(0, 1000),
)
def test_killed_several_times_while_instances_come_go_and_die(
    folder: Path,
    hand_over: bool,
    tasks: list[Conduct],
    kills: list[int],
    outages: list[Outage],
    later: list[Message],
    seed: int,
) -> None:
    world = world_of(folder, hand_over, tasks, seed)
    world.instances.outages = outages
    world.plan.append(later)
    world.run(kills)
