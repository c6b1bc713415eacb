"""A fair line: whoever was served worse than most goes first, for so long as that does not take others' shares."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.scheduler import slowdowns
from actors.scheduler.fair_line import GRACE, PATIENCE, FairLine, ShareUse
from actors.scheduler.fair_shares import FairShares
from actors.scheduler.slowdowns import MEMORY_S, WORST, Served, Slowdowns

NOW = 1_000_000.0


def admit(line: FairLine, client: str, cost_s: float = 1.0, weight: float = 1.0, now: float = NOW) -> ShareUse:
    """A task comes."""
    use = line.use_of(client, cost_s, weight, now)
    line.enter(use)
    return use


def serve(line: FairLine, client: str, slowdown: float, now: float = NOW) -> None:
    """A task of a second comes and waits until its latency is so many seconds."""
    line.start(admit(line, client, now=now), now + slowdown - 1.0)


def test_a_client_that_was_served_worse_goes_before_one_that_was_served_better() -> None:
    line = FairLine()
    for client, slowdown in (("worse", 3.0), ("better", 1.0)):
        for n in range(50):
            serve(line, client, slowdown, NOW + 100.0 * n)
    later = NOW + 10_000.0
    better, worse = admit(line, "better", now=later), admit(line, "worse", now=later)
    assert better.tag == worse.tag == later
    assert worse.spared_s == 0.0, "nothing would bring it to the mean"
    assert better.spared_s == pytest.approx(52.0, abs=0.5), "51 tasks of two seconds, which is the mean, less 50 of one"
    assert worse.key < better.key


def test_there_is_a_limit_to_how_far_the_best_served_is_set_back() -> None:
    line = FairLine()
    for client, slowdown in (("worse", 3.0), ("better", 1.0)):
        for n in range(200):
            serve(line, client, slowdown, NOW + 100.0 * n)
    assert admit(line, "better", 0.5, now=NOW + 30_000.0).spared_s == GRACE * 0.5


def test_the_longer_a_task_the_further_it_is_set_back() -> None:
    line = FairLine()
    assert admit(line, "long", 10.0).key - NOW == pytest.approx(210.0)
    assert admit(line, "short", 1.0).key - NOW == pytest.approx(21.0)


def test_a_client_of_twice_the_weight_is_set_back_half_as_far_and_owed_half_the_slowdown() -> None:
    for weight in (1.0, 2.0):
        line = FairLine()
        use = admit(line, "a", weight=weight)
        assert use.key - use.tag == pytest.approx(21.0 / weight)
        line.start(use, NOW)
        assert line.slowdowns.clients["a"].slowdown == weight, "not having waited is what a weight of one is owed"


def test_one_that_floods_the_line_has_little_say_in_what_the_others_wait() -> None:
    line = FairLine()
    for client in "abcd":
        serve(line, client, 1.0)
    flood = [admit(line, "flood", now=NOW + 1.0) for _ in range(1000)]
    for n, use in enumerate(flood):
        line.start(use, NOW + 1.0 + n)
    assert line.slowdowns.clients["flood"].slowdown == WORST
    assert line.slowdowns.mean == pytest.approx((4 * 1.0 + WORST) / 5)


def test_a_task_that_was_cancelled_counts_for_no_slowdown() -> None:
    line = FairLine()
    serve(line, "a", 1.5)
    before = line.slowdowns.clients["a"]
    line.leave(admit(line, "a"))
    assert line.slowdowns.clients["a"] == before


def test_what_was_long_ago_counts_less_and_who_stays_away_is_forgotten() -> None:
    line = FairLine()
    serve(line, "old", 3.0)
    serve(line, "other", 1.0)
    now = NOW + MEMORY_S / 2
    serve(line, "old", 1.0, now)
    assert 1.5 < line.slowdowns.clients["old"].slowdown < 2.0, "two seconds of six tenths, and one of now"
    serve(line, "other", 1.0, now + MEMORY_S * 1.001)
    assert set(line.slowdowns.clients) == {"other"}


def test_a_line_with_one_client_that_uses_no_share_has_nothing_to_remember() -> None:
    one = {"a": Served(NOW, 3.0, 1.0)}
    assert FairLine(slowdowns=Slowdowns(3.0, one)).is_idle
    assert not FairLine(slowdowns=Slowdowns(4.0, {**one, "b": Served(NOW, 1.0, 1.0)})).is_idle
    assert not FairLine(FairShares(NOW, 0, {"a": NOW + 1.0}), Slowdowns(3.0, one)).is_idle


def test_of_too_many_clients_the_one_that_was_away_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowdowns, "MOST_CLIENTS", 3)
    line = FairLine()
    early = admit(line, "c0")
    for n in range(1, 5):
        serve(line, f"c{n}", 1.0, NOW + n)
    assert set(line.slowdowns.clients) == {"c2", "c3", "c4"}
    line.start(early, NOW + 5.0)
    assert "c0" not in line.slowdowns.clients
    assert line.slowdowns.total == 3.0


step = st.tuples(
    st.sampled_from("abc"),
    st.floats(0.0, 20.0),
    st.sampled_from((0.25, 1.0, 3.0)),
    st.integers(0, 3),
    st.floats(-1, 60),
)


@settings(max_examples=60)
@given(st.lists(step, max_size=40))
def test_nobody_is_set_back_further_than_the_rules_allow_and_a_snapshot_tells_all(
    steps: list[tuple[str, float, float, int, float]],
) -> None:
    line, waiting, now = FairLine(), list[ShareUse](), NOW
    for client, cost_s, weight, ends, passes_s in steps:
        now += passes_s
        shares, clients = line.shares, line.slowdowns
        again = FairLine(
            FairShares(shares.virtual, shares.waiting, shares.finishes), Slowdowns(clients.total, clients.clients)
        )
        use = admit(line, client, cost_s, weight, now)
        assert admit(again, client, cost_s, weight, now) == use
        assert again.slowdowns.clients == line.slowdowns.clients
        assert PATIENCE * use.entitled_s <= use.key - use.tag + 1e-6 <= (PATIENCE + GRACE) * use.entitled_s + 2e-6
        waiting.append(use)
        for _ in range(min(ends, len(waiting))):
            gone = waiting.pop(0)
            if ends == 3:
                line.leave(gone)
            else:
                line.start(gone, now)
        assert line.shares.waiting == len(waiting)
