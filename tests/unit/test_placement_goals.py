"""Whether goals of placement are met, and the page that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.placement_goals import against_best, against_one, of_waits
from benchmarks.placement_page import rewrite
from simulation.experiment import Measured
from simulation.figures import Figures, Spread
from simulation.waits import WaitTruth


def test_a_ratio_to_one_reference() -> None:
    measured = [_measured("ours", 11.0, 30.0), _measured("bound", 10.0, 20.0), _measured("bound", 1.0, 1.0, load=0.9)]
    mean, p99 = against_one(measured, "ours", 0.7, "here", "bound", 1.10, 1.49)
    assert (mean.what, mean.measured, mean.goal, mean.is_met) == (
        "here, load 0.7: mean over bound",
        "1.10",
        "≤ 1.10",
        True,
    )
    assert (p99.measured, p99.is_met) == ("1.50", False)
    [only] = against_one(measured, "ours", 0.7, "here", "bound", None, 2.0)
    assert (only.what, only.is_met) == ("here, load 0.7: p99 over bound", True)


def test_the_best_of_several_is_another_for_each_figure() -> None:
    measured = [_measured("ours", 10.0, 30.0), _measured("a", 20.0, 100.0), _measured("b", 40.0, 60.0)]
    mean, p99 = against_best(measured, "ours", 0.7, "here", ("a", "b"), 0.85, 0.4)
    assert (mean.measured, mean.is_met, p99.measured, p99.is_met) == ("0.50", True, "0.50", False)


@pytest.mark.parametrize(
    ("truth", "met"),
    [
        (WaitTruth(10, 1.05, 1.0, 0.7, 0.95), [True, True, True]),
        (WaitTruth(10, 1.2, 1.0, 0.59, 0.92), [False, False, False]),
        (WaitTruth(10, 0.8, 1.0, 0.81, 0.99), [False, False, True]),
    ],
)
def test_the_truth_about_waits_counts_those_that_waited(truth: WaitTruth, met: list[bool]) -> None:
    perfect = WaitTruth(100, 1.0, 1.0, 0.7, 1.0)
    measured = [_measured("ours", 1.0, 1.0, waits=(perfect, truth))]
    assert [finding.is_met for finding in of_waits(measured, "ours", 0.7, "here")] == met
    assert of_waits([_measured("ours", 1.0, 1.0)], "ours", 0.7, "here") == []


def test_the_page_keeps_what_is_written_by_hand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nwhat was there\n<!-- /figures -->\nafter\n")
    measured = [_measured("ours", 11.0, 1234.5), _measured("bound", 10.0, 123.45, kind="reference")]
    findings = against_one(measured, "ours", 0.7, "here", "bound", 1.2, 1.0)
    for _ in range(2):
        rewrite(page, "a trace", findings, [("A scenario", measured)])
    text = page.read_text()
    assert text.startswith("before\n<!-- figures -->\nWorkload: a trace.\n")
    assert text.endswith("\n<!-- /figures -->\nafter\n")
    assert "what was there" not in text
    assert "| here, load 0.7: mean over bound | 1.10 | ≤ 1.20 | yes |" in text
    assert "| here, load 0.7: p99 over bound | 10.00 | ≤ 1.00 | **no** |" in text
    assert "### A scenario" in text
    assert "**`tail`**: where the task is all but sure to be done first. Least 95 % quantile" in text
    assert "| 0.7 | `ours` | 11.00 | 5.00 | 7.00 | 1,234 | 11.00 | 1,234 |" in text
    assert "| 0.7 | _bound_ | 10.00 | 5.00 | 7.00 | 123.5 | 10.00 | 123.5 |" in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="must have the marks"):
        rewrite(page, "a trace", findings, [])


def _measured(
    name: str,
    mean: float,
    p99: float,
    *,
    load: float = 0.7,
    kind: str = "strategy",
    waits: tuple[WaitTruth, WaitTruth] | None = None,
) -> Measured:
    spread = Spread(mean, 5.0, 7.0, p99)
    figures = Figures(spread, spread, None, None, [mean])
    return Measured("strategy" if kind == "strategy" else "reference", name, load, figures, [0.0], waits)
