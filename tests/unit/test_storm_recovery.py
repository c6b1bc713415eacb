"""How long a fault was felt is told from what clients saw, and only of faults that came alone."""

from __future__ import annotations

from pathlib import Path

from tests.storm.faults import Fault
from tests.storm.goals import goals
from tests.storm.outcome import Outcome, pooled
from tests.storm.recovery import Recovery, Taking, recoveries, takings

DEAD = Fault("kill -9 agents", "agents-1", at=100.0, healed_at=101.6)


def test_back_is_the_first_end_of_a_later_task_and_the_last_of_those_around_the_fault() -> None:
    done = [(98.0, 130.0), (99.5, 101.25), (99.9, 100.0), (100.25, 100.5), (100.5, 102.0), (101.5, 140.0)]
    assert recoveries([DEAD], done, []) == [Recovery(DEAD.what, DEAD.whom, 0.5, 2.0, None)]


def test_a_fault_near_another_is_not_counted() -> None:
    done = [(100.5, 101.0), (103.75, 110.5)]
    for at, healed_at in ((98.0, 99.5), (101.5, 101.5), (101.0, 108.0)):
        other = Fault("SIGSTOP worker", "worker-1", at, healed_at)
        assert DEAD.what not in {recovery.what for recovery in recoveries([DEAD, other], done, [])}


def test_of_a_fault_before_the_end_of_all_it_is_told_when_the_first_had_ended() -> None:
    done = [(100.5, 101.0), (100.75, 103.0), (103.75, 110.5)]
    for at, last in ((102.0, None), (103.5, 3.0)):
        other = Fault("SIGSTOP worker", "worker-1", at, 109.0)
        assert Recovery(DEAD.what, DEAD.whom, 1.0, last, None) in recoveries([DEAD, other], done, [])


def test_nothing_is_told_of_a_fault_after_which_no_task_ended() -> None:
    assert recoveries([DEAD], [(99.5, 101.0)], []) == []


def test_shards_are_taken_by_a_peer_before_their_owner_is_back() -> None:
    said = [Taking("agents-2", 99.0), Taking("dispatchers-2", 100.125), Taking("agents-1", 100.25)]
    for takings_, taken in (
        (said, None),
        ([*said, Taking("agents-2", 100.5)], 0.5),
        ([Taking("agents-2", 102.0)], None),
    ):
        [recovery] = recoveries([DEAD], [(100.5, 101.0)], takings_)
        assert recovery.taken == taken


def test_takings_are_what_logs_say_but_for_a_line_that_a_kill_cut_off(tmp_path: Path) -> None:
    whole = '{"event": "hosting", "shards": ["agent-1"], "timestamp": "1970-01-01T00:01:40.500000Z"}\n'
    other = '{"event": "ill", "timestamp": "1970-01-01T00:01:41Z"}\nTraceback\n'
    cut_off = '{"event": "hosting", "shards": ["agent-2"], "timest' + whole
    (tmp_path / "agents-2.log").write_text(whole + other + cut_off)
    assert takings(tmp_path) == [Taking("agents-2", 100.5)]


def test_goals_tell_how_many_were_within_and_the_longest() -> None:
    felt = [
        Recovery("kill -9 agents", "agents-1", 0.5, 2.5, 1.0),
        Recovery("kill -9 agents", "agents-2", 0.25, 1.0, 6.0),
    ]
    felt += [
        Recovery("kill -9 broker", "broker", 9.0, 9.0, None),
        Recovery("SIGSTOP agents", "agents-1", 5.0, 6.0, 5.5),
    ]
    assert [line.rpartition(" within ")[2] for line in goals(felt)] == [
        "2 s: 2 of 2, longest 0.50 s",
        "2 s: 1 of 2, longest 2.50 s",
        "5 s: 1 of 2, longest 6.00 s",
        "10 s: 1 of 1, longest 5.50 s",
    ]
    assert goals([]) == []


def test_storms_are_pooled_by_adding_up() -> None:
    one = Outcome(submitted=3, lost=1, fenced=2, repeated={"message repeated": 1}, broken=["a"])
    two = Outcome(submitted=4, fenced=1, repeated={"message repeated": 2, "receiving renewed": 1}, broken=["b"])
    both = pooled([one, two])
    assert (both.submitted, both.lost, both.fenced, both.broken) == (7, 1, 3, ["a", "b"])
    assert both.repeated == {"message repeated": 3, "receiving renewed": 1}
    assert not both.is_good
