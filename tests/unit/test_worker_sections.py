"""Sections keep a run from giving way, each for at most its own time."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmpilot.sections import Section, Sections


class Clock:
    """Milliseconds that pass when told to."""

    def __init__(self) -> None:
        self.ms = 1000

    def __call__(self) -> float:
        return self.ms / 1000


def kept_by(sections: Sections) -> tuple[str, int]:
    """By which section the run is kept, and for how many whole ms."""
    name, left_ms = sections.deferring()
    return name, round(left_ms)


@pytest.mark.parametrize(
    ("passed_ms", "left_ms"),
    [(0, 500), (1, 499), (499, 1), (500, 0), (501, 0), (10_000, 0)],
)
def test_a_section_keeps_the_run_for_what_is_left_of_its_time(passed_ms: int, left_ms: int) -> None:
    clock = Clock()
    sections = Sections("t", clock)
    with sections.section("commit", 500):
        clock.ms += passed_ms
        assert kept_by(sections) == ("commit" if left_ms else "", left_ms)
    assert sections.deferring() == ("", 0.0)


def test_of_several_the_one_that_keeps_it_for_longest_counts() -> None:
    clock = Clock()
    sections = Sections("t", clock)
    with sections.section("outer", 300):
        clock.ms += 100
        with sections.section("inner", 150):
            assert kept_by(sections) == ("outer", 200)
            with sections.section("innermost", 250):
                assert kept_by(sections) == ("innermost", 250)
            assert kept_by(sections) == ("outer", 200)


def test_one_that_takes_longer_than_it_said_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    sections = Sections("t-1", clock)
    with caplog.at_level(logging.WARNING), sections.section("commit", 500):
        clock.ms += 750
        sections.deferring()
        sections.deferring()
    [record] = caplog.records
    assert all(word in record.getMessage() for word in ("commit", "t-1", "750", "500"))


def test_one_that_nobody_asks_about_is_warned_of_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    sections = Sections("t", clock)
    with caplog.at_level(logging.WARNING):
        with sections.section("in time", 500):
            clock.ms += 500
        assert not caplog.records
        with sections.section("late", 500):
            clock.ms += 501
    assert ["late" in record.getMessage() for record in caplog.records] == [True]


def test_it_is_left_though_what_is_in_it_fails() -> None:
    sections = Sections("t", Clock())
    with pytest.raises(KeyError), sections.section("commit", 500):
        raise KeyError
    assert sections.deferring() == ("", 0.0)


@pytest.mark.parametrize("name", ["", "x" * 256, "two\nlines", None])
def test_a_name_that_cannot_be_shown_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="name must be"):
        Sections("t", Clock()).section(name, 500)


@pytest.mark.parametrize("max_ms", [0, -1, 3_600_001, float("nan"), float("inf"), "500", None, True])
def test_a_time_that_does_not_bound_is_refused(max_ms: Any) -> None:
    with pytest.raises(ValueError, match="max_ms must be"):
        Sections("t", Clock()).section("commit", max_ms)


Move = st.one_of(
    st.tuples(st.just("enter"), st.integers(1, 1000)),
    st.tuples(st.just("leave"), st.just(0)),
    st.tuples(st.just("pass"), st.integers(0, 600)),
)


@given(st.lists(Move, max_size=40))
def test_a_run_is_kept_exactly_as_long_as_one_of_its_sections_has_time_left(moves: list[tuple[str, int]]) -> None:
    clock = Clock()
    sections = Sections("t", clock)
    open_ones: list[tuple[Section, int]] = []
    for move, number in moves:
        if move == "enter":
            section = sections.section(f"s{number}", number)
            section.__enter__()
            open_ones.append((section, clock.ms + number))
        elif move == "leave" and open_ones:
            open_ones.pop()[0].__exit__(None, None, None)
        elif move == "pass":
            clock.ms += number
        left = max((until - clock.ms for _, until in open_ones), default=0)
        name, deferred_ms = sections.deferring()
        assert deferred_ms == pytest.approx(max(0, left), abs=1e-6)
        assert left == 0 or bool(name) == (left > 0), "at the very end, rounding decides"
