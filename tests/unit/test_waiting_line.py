"""The waiting line: importance first, then arrival; whoever leaves from the middle is not seen again."""

from __future__ import annotations

import random

from actors.scheduler.waiting_line import Rank, WaitingLine

ALL: list[Rank] = [(0, 1, "a"), (0, 2, "b"), (1, 1, "c")]


def popped(line: WaitingLine) -> list[str]:
    """All tasks in the order in which they come out."""
    names = []
    while (rank := line.pop()) is not None:
        names.append(rank[2])
    return names


def test_the_most_important_first_and_among_equals_the_first_come() -> None:
    line = WaitingLine()
    for rank in [(0, 2, "b"), (-5, 3, "c"), (0, 1, "a"), (19, 0, "z"), (-5, 4, "d")]:
        line.push(rank)
    assert popped(line) == ["c", "d", "a", "b", "z"]


def test_the_head_stays_and_an_empty_line_has_none() -> None:
    line = WaitingLine()
    assert line.head() is None
    assert line.pop() is None
    line.push((0, 1, "a"))
    assert line.head() == line.head() == (0, 1, "a")
    assert len(line) == 1


def test_who_leaves_from_the_middle_is_not_seen_again() -> None:
    line = WaitingLine()
    for number, name in enumerate("abcd"):
        line.push((0, number, name))
    line.discard("a")
    line.discard("c")
    line.discard("stranger")
    assert "a" not in line
    assert "b" in line
    assert len(line) == 2
    assert popped(line) == ["b", "d"]


def test_who_comes_back_comes_out_once() -> None:
    line = WaitingLine()
    line.push((0, 1, "a"))
    line.discard("a")
    line.push((0, 1, "a"))
    assert popped(line) == ["a"]


def test_an_id_that_is_used_anew_has_the_place_that_it_was_given_last() -> None:
    line = WaitingLine()
    for rank in [(0, 1, "a"), (0, 2, "b"), (0, 3, "c")]:
        line.push(rank)
    line.discard("b")
    line.push((0, 4, "b"))
    assert line.first(lambda task_id: task_id == "b") == (0, 4, "b")
    assert popped(line) == ["a", "c", "b"]


def test_who_comes_back_is_offered_once() -> None:
    line = WaitingLine()
    for rank in ALL:
        line.push(rank)
    for name in ("b", "c", "b"):
        line.discard(name)
        line.push(next(rank for rank in ALL if rank[2] == name))
    offered: list[str] = []

    def refuse(task_id: str) -> bool:
        offered.append(task_id)
        return False

    assert line.first(refuse) is None
    assert offered == ["a", "b", "c"]


def test_a_long_line_with_many_leavers_keeps_its_order_and_little_else() -> None:
    chance = random.Random(1)
    line, model = WaitingLine(), dict[str, Rank]()
    for number in range(5000):
        rank = (chance.randint(-19, 20), number, f"t{chance.randint(0, 200)}")
        line.discard(rank[2])
        line.push(rank)
        model[rank[2]] = rank
        if len(model) > 50:
            leaver = chance.choice(list(model))
            line.discard(leaver)
            del model[leaver]
    assert len(line) == 50
    assert popped(line) == [rank[2] for rank in sorted(model.values())]
