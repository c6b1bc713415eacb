"""Why a task started where it did, or waits: with the numbers of that moment, whatever happens after."""

from __future__ import annotations

import pytest

from actors.messages.answers import CandidateExplained, PlacementExplained
from actors.messages.scheduler import ExplainPlacement, SetStrategy
from actors.scheduler import PlacementRules, SchedulerPolicy
from actors.scheduler.explaining import CHOICE
from actors.scheduler.strategies import STRATEGIES
from tests.unit.scheduling import Scheduling, submit


def explained(scheduling: Scheduling, task_id: str) -> PlacementExplained:
    """What the scheduler says of it."""
    answer = scheduling.tell(ExplainPlacement(task_id)).answer
    assert isinstance(answer, PlacementExplained)
    return answer


def candidates(said: PlacementExplained) -> dict[str, CandidateExplained]:
    """By instance."""
    return {candidate.ti_uuid: candidate for candidate in said.candidates}


def two_instances(strategy: str = "shortest_queue", rules: PlacementRules | None = None) -> Scheduling:
    """A scheduler with `i1` and `i2` under this strategy."""
    scheduling = Scheduling(SchedulerPolicy(placement=rules or PlacementRules()))
    scheduling.tell(SetStrategy(strategy))
    for name in ("i1", "i2"):
        scheduling.register(name)
    return scheduling


def test_a_start_is_explained_with_the_numbers_of_that_moment() -> None:
    scheduling = two_instances()
    for n in range(3):
        scheduling.tell(submit(f"t{n}"))
    ran_on = scheduling.running()["t1"]
    said = explained(scheduling, "t1")
    assert (said.status, said.chosen, said.meant, said.strategy) == ("started", ran_on, ran_on, "shortest_queue")
    assert said.at == scheduling.now
    assert "meant it for this instance" in said.why
    seen = candidates(said)
    assert [seen[ran_on].running, seen[ran_on].waiting] == [0, 0]
    other = scheduling.running()["t0"]
    assert (seen[other].running, seen[other].could_be_chosen) == (1, False)
    scheduling.pass_time(60.0)
    scheduling.settle("t0", 5.0)
    scheduling.settle("t1", 90_000.0)
    assert explained(scheduling, "t1") == said


def test_a_waiting_task_is_told_what_it_waits_for_and_what_each_instance_would_be_to_it() -> None:
    scheduling = two_instances("min_completion")
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
    said = explained(scheduling, "t3")
    assert (said.status, said.chosen, said.why) == ("waiting", "", "waiting for a free TaskInstance")
    assert said.unit == STRATEGIES["min_completion"].unit
    for candidate in said.candidates:
        assert candidate.could_be_chosen
        assert candidate.completion_ms is not None
        assert candidate.completion_ms > candidate.execution_ms > 0.0
        assert candidate.score == candidate.completion_ms
    assert sum(candidate.waiting for candidate in said.candidates) == 1, "itself it is not to count"


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_task_between_two_attempts_counts_nowhere_and_hides_nobody(is_busy: bool) -> None:
    scheduling = two_instances("min_completion")
    scheduling.tell(submit("t1"))
    mine = scheduling.running()["t1"]
    scheduling.give_back("t1", delay_s=5.0)
    if is_busy:
        for n in range(2, 4):
            scheduling.tell(submit(f"t{n}"))
    said = explained(scheduling, "t1")
    assert (said.status, said.meant) == ("waiting", mine)
    assert [candidate.waiting for candidate in said.candidates] == [0, 0]
    for candidate in said.candidates:
        assert candidate.completion_ms is not None
        assert candidate.completion_ms >= candidate.execution_ms


def test_an_instance_that_is_down_is_shown_and_could_not_be_chosen() -> None:
    scheduling = two_instances()
    scheduling.down("i1")
    scheduling.tell(submit("t1"))
    seen = candidates(explained(scheduling, "t1"))
    assert (seen["i1"].condition, seen["i1"].could_be_chosen, seen["i1"].score) == ("down", False, None)
    assert seen["i2"].could_be_chosen


def test_one_that_took_over_what_was_meant_for_another_says_so() -> None:
    scheduling = two_instances("round_robin")
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
    mine = scheduling.running()["t0"]
    others = next(name for name in ("i1", "i2") if name != mine)
    scheduling.settle("t0")
    started = next(t for t, ti_uuid in scheduling.running().items() if ti_uuid == mine)
    scheduling.settle(started)
    taken = next(t for t, ti_uuid in scheduling.running().items() if ti_uuid == mine)
    said = explained(scheduling, taken)
    assert (said.chosen, said.meant) == (mine, others)
    assert said.why == "no other instance that may take it has a place free"


def test_a_place_that_another_has_given_up_is_told() -> None:
    scheduling = Scheduling()
    scheduling.register("i1", capabilities=("preempt",))
    scheduling.tell(submit("low", priority=-5))
    scheduling.tell(submit("high", priority=5))
    scheduling.give_way("low")
    assert explained(scheduling, "high").why == "another task has given way to it there"


@pytest.mark.parametrize("strategy", ["least_loaded", "shortest_queue", "tail", "min_completion"])
def test_a_choice_at_the_start_is_the_least_score_of_those_that_are_free(strategy: str) -> None:
    scheduling = two_instances(strategy)
    scheduling.register("i3", capacity=4)
    for n in range(3):
        scheduling.tell(submit(f"t{n}"))
    mine = next(t for t, ti_uuid in scheduling.running().items() if ti_uuid != "i3")
    fourth = scheduling.running()[mine]
    other = "i1" if fourth == "i2" else "i2"
    for task_id, ti_uuid in list(scheduling.running().items()):
        if ti_uuid == other:
            scheduling.settle(task_id, 1000.0)
    scheduling.give_back(mine)
    scheduling.pass_time(0.0)
    said = explained(scheduling, mine)
    assert said.why == f"{CHOICE} {strategy} among those that have a place free"
    able = {name: each.score for name, each in candidates(said).items() if each.could_be_chosen}
    assert able.keys() == {other, "i3"}
    assert said.chosen == other == min(able, key=lambda name: able[name] or 0.0)


def test_only_the_last_starts_are_remembered() -> None:
    scheduling = two_instances(rules=PlacementRules(explain_starts=2))
    for n in range(4):
        scheduling.tell(submit(f"t{n}"))
        scheduling.settle(f"t{n}", 1.0)
    assert [explained(scheduling, f"t{n}").status for n in range(4)] == ["unknown", "unknown", "started", "started"]


@pytest.mark.parametrize("rules", [PlacementRules(explain_starts=0), PlacementRules(explain_instances=1)])
def test_none_are_where_it_is_switched_off_or_the_pool_is_too_large(rules: PlacementRules) -> None:
    scheduling = two_instances(rules=rules)
    scheduling.tell(submit("t1"))
    assert explained(scheduling, "t1") == PlacementExplained("t1", "unknown")
    assert not scheduling.state.explained


def test_a_start_that_is_not_remembered_is_not_explained_by_the_one_before() -> None:
    scheduling = two_instances(rules=PlacementRules(explain_instances=2))
    scheduling.tell(submit("t1"))
    assert explained(scheduling, "t1").status == "started"
    scheduling.register("i3")
    scheduling.give_back("t1")
    scheduling.pass_time(0.0)
    assert "t1" in scheduling.running()
    assert explained(scheduling, "t1") == PlacementExplained("t1", "unknown")


def test_replay_remembers_the_same() -> None:
    scheduling = two_instances("tail")
    for n in range(5):
        scheduling.tell(submit(f"t{n}"))
    scheduling.settle("t0", 300.0)
    other = scheduling.replayed()
    other.now = scheduling.now
    for n in range(5):
        assert explained(other, f"t{n}") == explained(scheduling, f"t{n}")


def test_nothing_is_known_of_a_stranger_and_a_task_that_nobody_serves_waits() -> None:
    scheduling = Scheduling()
    assert explained(scheduling, "stranger").status == "unknown"
    scheduling.tell(submit("t1", agent="a", origin="grpc"))
    said = explained(scheduling, "t1")
    assert (said.status, said.candidates) == ("waiting", ())
    assert "waiting for a TaskInstance or worker" in said.why
