"""Start-time fair queueing: equal shares for who has a backlog, no credit for a pause, no memory of who is even."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush

from actors.scheduler.fair_shares import FairShares


def admit(shares: FairShares, client: str, cost: float, now: float = 1000.0) -> float:
    """A task comes -> its start tag."""
    tag = shares.start_of(client, now)
    shares.enter(client, tag + cost, now)
    return tag


def test_clients_with_a_backlog_use_as_much_each_whatever_their_tasks_cost_and_how_many_they_have() -> None:
    costs = {"small": 1.0, "middle": 2.0, "large": 5.0}
    shares, line, used = FairShares(), list[tuple[float, int, str]](), Counter[str]()
    for n in range(600):
        client = ("small", "small", "small", "small", "middle", "large")[n % 6]
        heappush(line, (admit(shares, client, costs[client]), n, client))
    for _ in range(160):
        tag, _, client = heappop(line)
        shares.start(tag, 1000.0)
        used[client] += round(costs[client])
    assert max(used.values()) - min(used.values()) <= max(costs.values()), used


def test_a_task_of_a_new_client_comes_before_the_backlog_of_another() -> None:
    shares = FairShares()
    backlog = [admit(shares, "a", 1.0) for _ in range(5)]
    for tag in backlog[:3]:
        shares.start(tag, 1000.0)
    assert backlog[2] <= admit(shares, "b", 1.0) < backlog[3]


def test_who_pauses_gains_no_credit_and_who_stays_owes_one_task_at_most() -> None:
    shares = FairShares()
    for client in ("a", "b"):
        shares.start(admit(shares, client, 1.0), 1000.0)
    for n in range(50):
        shares.start(admit(shares, "b", 1.0, 1000.0 + n), 1000.0 + n)
    a = [admit(shares, "a", 1.0, 1050.0) for _ in range(3)]
    b = [admit(shares, "b", 1.0, 1050.0) for _ in range(3)]
    assert (a, b) == ([1050.0, 1051.0, 1052.0], [1051.0, 1052.0, 1053.0])


def test_who_used_what_nobody_else_wanted_owes_no_more_than_its_last_task() -> None:
    shares = FairShares()
    for _ in range(5):
        shares.start(admit(shares, "a", 10.0), 1000.0)
    assert admit(shares, "b", 1.0, 1001.0) == 1040.0
    assert admit(shares, "a", 1.0, 1001.0) == 1050.0


def test_clients_are_forgotten_once_the_virtual_time_has_passed_them() -> None:
    shares = FairShares()
    for n in range(1000):
        shares.start(admit(shares, f"c{n}", 1.0, 1000.0 + n), 1000.0 + n)
        assert len(shares.finishes) <= 2
    shares.enter("d", 5000.0, 2001.5)
    shares.leave()
    assert shares.finishes == {"d": 5000.0}
    shares.enter("e", 5002.0, 5001.0)
    shares.start(5001.0, 5003.0)
    assert shares.is_idle
