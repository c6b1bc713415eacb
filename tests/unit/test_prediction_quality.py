"""Predictions are about as good as they could be on known mixes of tasks (docs/prediction.md has more figures)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.prediction import (
    SLOWED,
    UNEQUAL,
    judge,
    kinds_mix,
    plain_mix,
    reports_until_noticed,
    trace_mix,
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_next_to_perfect_on_kinds_with_sizes_on_unequal_instances(seed: int) -> None:
    quality = judge(kinds_mix(2000, seed, speeds=UNEQUAL))
    assert quality.least_error is not None
    assert quality.error < 1.1 * quality.least_error
    assert abs(quality.bias) < 5.0
    assert 0.92 < quality.within_q95 < 0.97
    assert 0.45 < quality.within_q50 < 0.55


def test_the_distribution_is_known_where_nothing_else_is() -> None:
    quality = judge(plain_mix(2000, 4, spread=1.0))
    assert abs(quality.bias) < 10.0
    assert 0.92 < quality.within_q95 < 0.97


@pytest.mark.parametrize(("what", "reports"), [(SLOWED, 15), ("chat", 20), ("", 100)])
def test_a_slow_down_is_noticed_whatever_it_is_that_slows_down(what: str, reports: int) -> None:
    counts = sorted(reports_until_noticed(list(kinds_mix(1000, seed)), what=what) for seed in range(5))
    assert counts[2] < reports / 2
    assert counts[-1] < reports


def test_a_trace_is_read_by_its_columns(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    rows = [f"2023-11-16 18:15:46.68,{100 + n % 700},{10 + n * 7 % 300}" for n in range(400)]
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows))
    assert judge(trace_mix(trace, 1, known="both")).error < 2.0
    assert 2.0 < judge(trace_mix(trace, 1, known="limit")).error < 40.0
