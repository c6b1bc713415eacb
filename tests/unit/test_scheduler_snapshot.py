"""A scheduler loaded from its snapshot, or from its journal, behaves as the one that was there before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.messages.runtime import Resumed, TimePassed
from actors.messages.scheduler import DescribeQueues, SchedulerMessage, SetStrategy, ShutdownAgent
from actors.messages.tasks import Features
from tests.unit.scheduling import Scheduling, port_of, submit

Situation = Callable[[Scheduling], object]


def busy(scheduling: Scheduling) -> None:
    """Two instances, four running and waiting of every kind."""
    for name in ("i1", "i2"):
        scheduling.register(name, capacity=2)
    for n in range(8):
        scheduling.tell(submit(f"t{n}", priority=n % 3, agent="a" if n % 2 else ""))


def delayed(scheduling: Scheduling) -> None:
    busy(scheduling)
    scheduling.give_back("t0", delay_s=3.0)
    scheduling.give_back("t1", delay_s=0.5)


def returned(scheduling: Scheduling) -> None:
    delayed(scheduling)
    scheduling.pass_time(1.0)


def own_lines(scheduling: Scheduling) -> None:
    scheduling.tell(SetStrategy("round_robin"))
    busy(scheduling)


def one_down(scheduling: Scheduling) -> None:
    busy(scheduling)
    scheduling.down("i1")


def draining(scheduling: Scheduling) -> None:
    busy(scheduling)
    scheduling.remove("i1")


def closed(scheduling: Scheduling) -> None:
    busy(scheduling)
    scheduling.tell(ShutdownAgent("a", 30.0))


def changed_model(scheduling: Scheduling) -> None:
    own_lines(scheduling)
    scheduling.register("new", model="n", port=port_of("i1"))


def scoped(scheduling: Scheduling) -> None:
    busy(scheduling)
    scheduling.register("n1", model="n")
    for n, scope in enumerate(["r", "r.a", "s", "r.b, s", "*.a", "", "r.a"]):
        model = "nobody's" if n == 4 else "mn"[n % 2]
        scheduling.tell(
            submit(f"s{n}", scope=scope, model=model, agent="a" if n > 4 else "", priority=n, origin="grpc")
        )
    scheduling.give_back("s1", delay_s=0.5)


def unserved(scheduling: Scheduling) -> None:
    for n in range(3):
        scheduling.tell(submit(f"t{n}", agent="i", model="m", origin="grpc"))


def learnt(scheduling: Scheduling) -> None:
    busy(scheduling)
    scheduling.register("w1", model="w")
    for n in range(30):
        features = Features("odd" if n % 2 else "", input_tokens=10.0 * n, max_tokens=7.0 if n % 3 else None)
        scheduling.tell(submit(f"w{n}", model="w", features=features))
        scheduling.settle(f"w{n}", 10.0 + n)
    for n, took in ((0, 70.0), (2, 900.0)):
        scheduling.settle(f"t{n}", took)


def shared(scheduling: Scheduling) -> None:
    scheduling.tell(SetStrategy("", order="fair"))
    learnt(scheduling)
    for n in range(6):
        scheduling.tell(submit(f"u{n}", user="uv"[n % 2], priority=n % 2))


def mixed_orders(scheduling: Scheduling) -> None:
    shared(scheduling)
    for order in ("deadline", "shortest_predicted", "fair_agents"):
        scheduling.tell(SetStrategy("", "m", order))
        scheduling.tell(submit(order, deadline_ms=5000))


SITUATIONS = [
    shared,
    mixed_orders,
    busy,
    delayed,
    returned,
    own_lines,
    one_down,
    draining,
    closed,
    changed_model,
    scoped,
    unserved,
    learnt,
]


def follow(scheduling: Scheduling) -> list[object]:
    """All that comes of what happens next."""
    messages: list[SchedulerMessage] = [
        DescribeQueues(),
        submit("t1"),
        submit("new", priority=2, origin="grpc"),
        submit("of-a", agent="a", origin="grpc"),
        Resumed(),
    ]
    heard: list[object] = [scheduling.tell(message) for message in messages]
    heard.append(scheduling.register("i3", model="i"))
    heard.append(scheduling.up("i1"))
    scheduling.now += 10.0
    heard.append(scheduling.tell(TimePassed()))
    while running := sorted(scheduling.running()):
        heard.append(scheduling.settle(running[0], 33.0))
    heard.append(scheduling.dumped())
    return heard


@pytest.mark.parametrize("situation", SITUATIONS)
def test_from_its_snapshot(situation: Situation) -> None:
    scheduling = Scheduling()
    situation(scheduling)
    loaded = scheduling.copy()
    assert loaded.dumped() == scheduling.dumped()
    assert loaded.behaviour.next_due(loaded.state) == scheduling.behaviour.next_due(scheduling.state)
    assert follow(loaded) == follow(scheduling)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_from_its_journal(situation: Situation) -> None:
    scheduling = Scheduling()
    situation(scheduling)
    replayed = scheduling.replayed()
    assert replayed.dumped() == scheduling.dumped()
    assert follow(replayed) == follow(scheduling)


def test_a_snapshot_taken_now_does_not_change_with_what_follows() -> None:
    scheduling = Scheduling()
    busy(scheduling)
    loaded, before = scheduling.copy(), scheduling.dumped()
    follow(loaded)
    assert scheduling.dumped() == before
