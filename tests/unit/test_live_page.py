"""The running service beside the simulator: how far apart they are, and where the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.live_page import Compared, markdown, rewrite
from simulation.figures import Spread
from simulation.fleet import Fleet


def compared(live: float, simulated: float) -> Compared:
    """One run with these means."""
    ours, theirs = (Spread(mean, 1.0, 2.0, 3.0) for mean in (live, simulated))
    return Compared(Fleet((1.0, 0.5)), 0.7, 1, 600, ours, theirs, theirs, overhead_ms=12.34, late_ms=0.5)


def test_a_row_has_both_and_how_far_the_means_are_apart() -> None:
    text = markdown("a trace", [compared(5.25, 5.0), compared(4.6, 5.0)])
    assert (
        "| unequal | 0.7 | 1 | 600 | 5.25 / 5.00 | 1.00 / 1.00 | 2.00 / 2.00 | 3.00 / 3.00 | +5.0% | 12.3 | +5.0% |"
        in text
    )
    assert "at most 8.0% apart" in text


def test_a_page_is_rewritten_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- live -->\nold\n<!-- /live -->\nafter\n")
    rewrite(page, "a trace", [compared(5.0, 5.0)])
    text = page.read_text()
    assert text.startswith("before\n<!-- live -->\na trace.")
    assert text.endswith("<!-- /live -->\nafter\n")
    assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="must have the marks"):
        rewrite(page, "a trace", [compared(5.0, 5.0)])
