"""What the benchmark of one scheduler actor measures is what it says."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.decisions import Deciding, measure_decisions
from benchmarks.plan import Plan


def test_each_end_starts_the_first_in_line_so_that_the_line_keeps_its_length() -> None:
    deciding = Deciding(instances=3, waiting=5)
    assert deciding.waiting == 5
    for _ in range(20):
        deciding.submit()
        assert deciding.waiting == 6
        deciding.end()
        assert deciding.waiting == 5
    deciding.end()
    assert deciding.waiting == 4


def test_a_run_has_a_rate_a_round() -> None:
    said: list[str] = []
    plan = replace(Plan(), rounds=3, decision_instances=4, decision_waiting=10, decision_pairs=20)
    [row] = measure_decisions(plan, said.append)
    assert (row.figure, row.deployment) == ("decisions", "in process")
    assert row.note.startswith("4 instances, 10 waiting; processor each: ")
    assert len(row.rounds) == len(said) == 3
    assert row.measured == sorted(row.rounds)[1]
    assert row.is_met == (row.measured >= 20_000)
