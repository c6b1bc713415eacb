"""A user's own strategy: found or refused at start, checked on every call, and never looked for in a message."""

from __future__ import annotations

from typing import Any

import pytest

from actors.behaviour import Warn
from actors.messages.answers import QueuesDescribed, Refused, StrategySet
from actors.messages.scheduler import DescribeQueues, SetStrategy
from actors.scheduler import PlacementRules, SchedulerPolicy
from actors.scheduler.strategies import View
from actors.scheduler.strategies.own import own_strategy
from gateway.config_file import ConfigError
from gateway.own_strategies import find_function
from tests.unit.scheduling import Scheduling, submit
from tests.unit.strategy_views import Given, candidate, view

NAME = "tests.unit.test_own_strategies:last"


def last(view: View) -> int:
    """The last of them."""
    return len(view.candidates) - 1


async def later(view: View) -> int:
    """What cannot be called."""
    return 0


def too_many(view: View, other: int) -> int:
    """What takes more than it is given."""
    return other


LIMIT = 3


def scheduling_by(function: Any, name: str = NAME) -> Scheduling:
    """A scheduler with three instances under this function."""
    rules = PlacementRules(own={name: own_strategy(name, function)})
    scheduling = Scheduling(SchedulerPolicy(placement=rules))
    for ti_uuid in ("i1", "i2", "i3"):
        scheduling.register(ti_uuid, capacity=2)
    assert scheduling.tell(SetStrategy(name)).answer == StrategySet(name, "", "priority")
    return scheduling


def test_it_is_asked_where_each_task_goes() -> None:
    scheduling = scheduling_by(last)
    for n in range(6):
        scheduling.tell(submit(f"t{n}"))
    assert scheduling.running() == {"t0": "i3", "t1": "i3", "t2": "i2", "t3": "i2", "t4": "i1", "t5": "i1"}


@pytest.mark.parametrize("answer", [3, -1, None, "i1", 1.0, True])
def test_what_names_no_candidate_leaves_the_task_to_the_least_loaded_and_counts(answer: object) -> None:
    scheduling = scheduling_by(lambda view: answer)
    told = [scheduling.tell(submit(f"t{n}")) for n in range(3)]
    assert sorted(scheduling.running().values()) == ["i1", "i2", "i3"]
    described = scheduling.tell(DescribeQueues()).answer
    assert isinstance(described, QueuesDescribed)
    assert described.strategy_faults == 3
    warnings = [effect for one in told for effect in one.effects if isinstance(effect, Warn)]
    assert len(warnings) == 1
    assert "must return the index of a candidate, 0 to 2" in str(warnings[0].details)


def test_one_that_raises_is_told_of_once_a_minute() -> None:
    scheduling = scheduling_by(lambda view: 1 // 0)
    heard = []
    for n in range(8):
        told = scheduling.tell(submit(f"t{n}"))
        heard.append(sum(isinstance(effect, Warn) for effect in told.effects))
        scheduling.now += 20.0
    assert heard == [1, 0, 0, 1, 0, 0, 1, 0]
    assert len(scheduling.state.tasks) == 8


def test_a_name_that_the_configuration_does_not_have_is_refused() -> None:
    scheduling = Scheduling()
    answer = scheduling.tell(SetStrategy(NAME)).answer
    assert isinstance(answer, Refused)


def test_without_its_configuration_the_default_takes_over() -> None:
    scheduling = scheduling_by(last)
    scheduling.tell(submit("t1"))
    other = Scheduling()
    for event in scheduling.history:
        other.behaviour.evolve(other.state, event)
    assert other.state.strategy("m").name == "shortest_queue"
    assert other.running() == scheduling.running()


def test_replay_gives_the_same_choices_without_asking_again() -> None:
    asked: list[View] = []

    def choose(view: View) -> int:
        asked.append(view)
        return len(asked) % len(view.candidates)

    scheduling = scheduling_by(choose)
    for n in range(6):
        scheduling.tell(submit(f"t{n}"))
    before = len(asked)
    assert before >= 5
    assert scheduling.replayed().running() == scheduling.running()
    assert scheduling.copy().running() == scheduling.running()
    assert len(asked) == before


def test_the_configured_function_is_found() -> None:
    assert find_function(NAME, "strategy").__name__ == "last"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tests.unit:", "strategy: must be module:function, such as .*; got 'tests.unit:'"),
        ("no_such_module_at_all:choose", "strategy: cannot import no_such_module_at_all: ModuleNotFoundError"),
        ("tests.unit.test_own_strategies:first", "has no first"),
        ("tests.unit.test_own_strategies:LIMIT", "must be a function; it is a int"),
        ("tests.unit.test_own_strategies:later", "must not be async"),
        ("tests.unit.test_own_strategies:too_many", "must take one argument"),
    ],
)
def test_what_cannot_be_used_stops_the_start(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_function(name, "strategy")


def test_the_example_keeps_long_tasks_off_the_fastest() -> None:
    choose = find_function("examples.custom_strategy:choose", "strategy")
    seen = [candidate("fast"), candidate("slow")]
    assert choose(view(seen, given=Given(means=[100.0, 300.0]))) == 0
    assert choose(view(seen, given=Given(means=[6_000.0, 18_000.0]))) == 1
    assert choose(view(seen, given=Given(means=[6_000.0, 6_000.0]))) in (0, 1)
