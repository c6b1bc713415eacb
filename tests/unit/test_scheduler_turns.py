"""What strategies remember and are given by the scheduler: turns, weights, keys, and what waiting tasks will take."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from actors.messages.scheduler import SetStrategy, SubmitTask
from actors.messages.tasks import Features
from actors.scheduler import PlacementRules, SchedulerPolicy
from tests.unit.scheduling import Scheduling, port_of, submit


def with_instances(strategy: str, *names: str, rules: PlacementRules | None = None) -> Scheduling:
    """A scheduler with these instances, all busy for good, under the strategy."""
    scheduling = Scheduling(SchedulerPolicy(placement=rules or PlacementRules()))
    scheduling.tell(SetStrategy(strategy))
    for name in names:
        scheduling.register(name)
    return scheduling


def meant(scheduling: Scheduling, first: int, count: int) -> list[str]:
    """What that many new tasks are meant for."""
    for n in range(first, first + count):
        scheduling.tell(submit(f"t{n}"))
    return [scheduling.tentative(f"t{n}") for n in range(first, first + count)]


def test_round_robin_stays_even_when_instances_come_and_go() -> None:
    scheduling = with_instances("round_robin", "a", "b", "c")
    assert Counter(meant(scheduling, 0, 7)) == {"a": 3, "b": 2, "c": 2}
    scheduling.down("b")
    assert Counter(meant(scheduling, 7, 10)).keys() == {"a", "c"}
    scheduling.register("d")
    after = Counter(meant(scheduling, 17, 30))
    assert set(after) == {"a", "c", "d"}
    assert max(after.values()) - min(after.values()) <= 2


def test_turns_are_the_same_after_a_restart() -> None:
    weights = {f"host:{port_of('a')}": 5.0, f"host:{port_of('b')}": 2.0}
    scheduling = with_instances("weighted", "a", "b", "c", rules=PlacementRules(weights=weights))
    meant(scheduling, 0, 3)
    others = [scheduling.copy(), scheduling.replayed()]
    ahead = meant(scheduling, 3, 9)
    for other in others:
        other.now = scheduling.now
        assert meant(other, 3, 9) == ahead


def test_weights_of_the_configuration_count_before_the_capacity() -> None:
    rules = PlacementRules(weights={f"host:{port_of('a')}": 3.0})
    scheduling = with_instances("weighted", "a", "b", rules=rules)
    assert Counter(meant(scheduling, 0, 40)) == {"a": 30, "b": 10}


def test_what_is_spread_over_those_that_stay_takes_turns_too() -> None:
    scheduling = with_instances("round_robin", "a", "b", "c")
    meant(scheduling, 0, 33)
    scheduling.remove("c")
    waiting = [entry.tentative for entry in scheduling.state.tasks.values() if not entry.ti_uuid]
    counts = Counter(waiting)
    assert set(counts) == {"a", "b"}
    assert abs(counts["a"] - counts["b"]) <= 2


def test_tasks_of_a_session_are_meant_for_one_instance() -> None:
    scheduling = with_instances("affinity", "a", "b", "c", "d")
    homes: dict[str, set[str]] = {}
    for n in range(24):
        session = f"session {n % 6}"
        message = submit(f"t{n}")
        scheduling.tell(SubmitTask(replace(message.spec, affinity=session), b"{}"))
        entry = scheduling.state.tasks[f"t{n}"]
        homes.setdefault(session, set()).add(entry.tentative)
        scheduling.settle(f"t{n}", 10.0)
    assert all(len(where) == 1 for where in homes.values())
    assert len(set.union(*homes.values())) > 1


def test_what_waiting_tasks_will_take_counts_where_the_strategy_goes_by_it() -> None:
    scheduling = with_instances("min_completion", "a", "b")
    long, short = Features("long"), Features("short")
    for n in range(12):
        scheduling.tell(submit(f"w{n}", features=long if n % 2 else short))
        scheduling.settle(f"w{n}", 10_000.0 if n % 2 else 100.0)
    for n in range(2):
        scheduling.tell(submit(f"run{n}", features=short))
    scheduling.tell(submit("long", features=long))
    for n in range(5):
        scheduling.tell(submit(f"s{n}", features=short))
    with_long = scheduling.tentative("long")
    assert {scheduling.tentative(f"s{n}") for n in range(5)} == {"a", "b"} - {with_long}
    assert scheduling.state.instances[with_long].work_ms > 5_000
    scheduling.tell(SetStrategy("round_robin"))
    scheduling.tell(submit("unsized", features=long))
    assert scheduling.state.tasks["unsized"].expected_ms == 0
