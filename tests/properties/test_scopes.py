"""The index of scopes finds what a comparison of each with each finds, whatever came and went before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.messages.scopes import broken_rule, overlap, paths_of
from actors.scheduler.scopes import ScopeIndex
from actors.scheduler.waiting_line import Rank

segment = st.sampled_from(["a", "b", "*"])
path = st.lists(segment, min_size=1, max_size=4).map(".".join)
scope = st.lists(path, min_size=1, max_size=2).map(", ".join)
changes = st.lists(st.tuples(scope, st.integers(-1, 1)) | st.integers(0, 20), max_size=20)


def index_after(steps: list[tuple[str, int] | int]) -> tuple[ScopeIndex, dict[Rank, str]]:
    """An index after additions (scope, priority) and removals (which), and what should be in it."""
    index, inside = ScopeIndex(), dict[Rank, str]()
    for n, step in enumerate(steps):
        if isinstance(step, tuple):
            rank: Rank = (-step[1], float(n), f"t{n}")
            inside[rank] = step[0]
            index.add(rank, paths_of(step[0]))
        elif inside:
            rank = sorted(inside)[step % len(inside)]
            del inside[rank]
            index.discard(rank)
    return index, inside


@given(changes, scope, st.tuples(st.integers(-1, 1), st.integers(0, 20), st.just("")))
def test_it_answers_as_comparing_with_each(steps: list[tuple[str, int] | int], asked: str, rank: Rank) -> None:
    index, inside = index_after(steps)
    alike = sorted(other for other, declared in inside.items() if overlap(asked, declared))
    paths = paths_of(asked)
    assert index.ranks() == sorted(inside)
    assert index.last(paths) == max(alike, default=None)
    assert index.last_before(rank, paths) == max((other for other in alike if other < rank), default=None)
    assert index.all_after(rank, paths) == [other for other in alike if other > rank]


@given(changes)
def test_nothing_is_left_of_what_has_gone(steps: list[tuple[str, int] | int]) -> None:
    index, inside = index_after(steps)
    for rank in inside:
        index.discard(rank)
    assert not index
    assert index.is_bare


@given(scope, scope)
def test_overlapping_is_mutual_and_everything_overlaps_itself(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one)
    assert overlap(one, "*")
    assert not overlap(one, "")


@given(st.text(max_size=12))
def test_what_keeps_the_rules_names_something_and_no_text_breaks_the_reading(text: str) -> None:
    paths = paths_of(text)
    assert bool(text) == bool(paths) or broken_rule(text)


@given(path, path)
def test_a_scope_covers_all_below_it(one: str, lower: str) -> None:
    assert overlap(one, f"{one}.{lower}")
