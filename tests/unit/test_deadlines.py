"""Deadlines: the latest time set for a key is the one that counts, and the earliest key comes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.deadlines import Deadlines

KEYS = st.sampled_from("abcdef")
TIMES = st.integers(0, 20).map(float)
STEPS = st.lists(
    st.tuples(st.just("set"), KEYS, TIMES)
    | st.tuples(st.just("cancel"), KEYS, st.just(0.0))
    | st.tuples(st.just("look"), KEYS, TIMES),
    max_size=300,
)


def test_nothing_is_due_where_nothing_was_set() -> None:
    deadlines = Deadlines()
    assert deadlines.earliest() is None
    assert deadlines.due_by(1e12) == []
    assert len(deadlines) == 0


def test_due_at_its_time_and_not_before() -> None:
    deadlines = Deadlines()
    deadlines.set("a", 10.0)
    assert deadlines.due_by(9.999) == []
    assert deadlines.due_by(10.0) == ["a"]


def test_a_due_key_stays_until_it_is_set_anew_or_cancelled() -> None:
    deadlines = Deadlines()
    deadlines.set("a", 10.0)
    deadlines.set("b", 5.0)
    assert deadlines.due_by(20.0) == ["b", "a"]
    deadlines.set("b", 30.0)
    assert deadlines.due_by(20.0) == ["a"]
    deadlines.cancel("a")
    assert deadlines.due_by(20.0) == []
    assert deadlines.earliest() == 30.0


def test_a_key_set_again_and_again_takes_bounded_room() -> None:
    deadlines = Deadlines()
    for due in range(10_000):
        deadlines.set("probe", float(due))
    assert len(deadlines) == 1
    assert len(deadlines._heap) < 100
    assert deadlines.earliest() == 9999.0


@given(STEPS)
def test_it_behaves_like_a_dictionary_of_times(steps: list[tuple[str, str, float]]) -> None:
    deadlines, model = Deadlines(), dict[str, float]()
    for step, key, time in steps:
        match step:
            case "set":
                deadlines.set(key, time)
                model[key] = time
            case "cancel":
                deadlines.cancel(key)
                model.pop(key, None)
            case _:
                due = sorted((due, name) for name, due in model.items() if due <= time)
                assert deadlines.due_by(time) == [name for _, name in due]
        assert deadlines.earliest() == min(model.values(), default=None)
        assert (key in deadlines) == (key in model)
        assert dict(deadlines.items()) == model
