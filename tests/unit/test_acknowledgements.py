"""Which frames acknowledge which deliveries."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rabbitmq.acknowledgements import Acknowledgements


def ledger(*, arrived: int, settled: list[int]) -> Acknowledgements:
    acknowledgements = Acknowledgements()
    for tag in range(1, arrived + 1):
        acknowledgements.arrived(tag)
    for tag in settled:
        acknowledgements.settle(tag)
    return acknowledgements


def test_a_run_from_the_oldest_is_one_frame() -> None:
    assert ledger(arrived=4, settled=[3, 1, 2]).take_settled() == [(3, True)]


def test_a_single_delivery_is_acknowledged_alone() -> None:
    assert ledger(arrived=2, settled=[1]).take_settled() == [(1, False)]


def test_what_lies_behind_a_gap_is_acknowledged_one_by_one() -> None:
    assert ledger(arrived=6, settled=[1, 2, 4, 6]).take_settled() == [(2, True), (4, False), (6, False)]


def test_an_acknowledgement_is_due_once() -> None:
    acknowledgements = ledger(arrived=2, settled=[1])
    acknowledgements.take_settled()
    acknowledgements.settle(1)
    assert acknowledgements.take_settled() == []
    assert len(acknowledgements) == 1


def test_what_is_put_back_is_not_acknowledged_and_leaves_no_gap() -> None:
    acknowledgements = ledger(arrived=3, settled=[1])
    acknowledgements.put_back(2)
    acknowledgements.put_back(1)
    acknowledgements.settle(2)
    acknowledgements.settle(3)
    assert acknowledgements.take_returns() == [2]
    assert acknowledgements.take_settled() == [(3, True)]


@given(
    st.lists(st.sampled_from(["arrive", "settle", "put_back", "flush"]), max_size=60), st.randoms(use_true_random=False)
)
def test_the_broker_ends_up_with_exactly_what_is_not_settled(steps: list[str], chance: Random) -> None:
    acknowledgements = Acknowledgements()
    unacknowledged: set[int] = set()
    settled: set[int] = set()
    returned: set[int] = set()
    tag = 0
    for step in [*steps, "flush"]:
        if step == "arrive":
            tag += 1
            acknowledgements.arrived(tag)
            unacknowledged.add(tag)
        elif step == "flush":
            unacknowledged.difference_update(acknowledgements.take_returns())
            for upto, multiple in acknowledgements.take_settled():
                covered = {t for t in unacknowledged if t <= upto} if multiple else {upto}
                assert covered <= settled
                unacknowledged -= covered
        elif tag:
            one = chance.randint(1, tag)
            if one not in settled | returned:
                (settled if step == "settle" else returned).add(one)
            getattr(acknowledgements, step)(one)
    assert unacknowledged == set(range(1, tag + 1)) - settled - returned
