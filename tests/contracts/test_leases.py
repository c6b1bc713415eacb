"""Leases and membership, as every implementation of the store port keeps them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.errors import Fenced
from tests.contracts.lease_rigs import LEASE_RIGS, SHARDS, LeaseRig, PostgresLeases, Process, SqliteLeases
from tests.postgres_server import PostgresServer


@pytest.fixture(name="rig", params=LEASE_RIGS)
def _rig(request: pytest.FixtureRequest) -> Iterator[LeaseRig]:
    rig = LEASE_RIGS[request.param](lambda: request.getfixturevalue("postgres_server"))
    yield rig
    rig.close()


@pytest.fixture(name="postgres_rig")
def _postgres_rig(postgres_server: PostgresServer) -> Iterator[PostgresLeases]:
    rig = PostgresLeases(postgres_server)
    rig.processes = [Process(rig, f"p{n}") for n in range(3)]
    yield rig
    rig.close()


def can_write(process: Process, shard: str) -> bool:
    """Whether the store takes what it writes."""
    try:
        process.write(shard)
    except Fenced:
        return False
    return True


def test_joining_makes_the_shards_of_the_deployment_once(rig: LeaseRig) -> None:
    first = Process(rig, "a")
    assert rig(first.store.shards()) == set(SHARDS)
    rig(first.store.join(first.member, [*SHARDS, "agent-2"], rig.ttl))
    assert rig(first.store.shards()) == set(SHARDS)


def test_what_is_free_is_had_by_one(rig: LeaseRig) -> None:
    a, b = Process(rig, "a"), Process(rig, "b")
    assert a.acquire("scheduler", "agent-0") == {"scheduler", "agent-0"}
    assert b.acquire(*SHARDS) == {"agent-1"}
    assert b.renew() == {"scheduler": "a", "agent-0": "a", "agent-1": "b"}
    assert can_write(a, "scheduler")


def test_those_who_live_are_seen_with_the_kinds_they_host(rig: LeaseRig) -> None:
    a, b = Process(rig, "a"), Process(rig, "b")
    seen = rig(a.store.renew(a.member, rig.ttl)).members
    assert seen == {"a": a.member.kinds, "b": b.member.kinds}


def test_each_change_of_hands_raises_the_epoch(rig: LeaseRig) -> None:
    a, b = Process(rig, "a"), Process(rig, "b")
    a.acquire("scheduler")
    first = a.leases["scheduler"].epoch
    a.acquire("scheduler")
    assert a.leases["scheduler"].epoch == first + 1, "it may have forgotten what it had"
    a.release("scheduler")
    b.acquire("scheduler")
    assert b.leases["scheduler"].epoch == first + 2
    assert rig(b.store.renew(b.member, rig.ttl)).epochs["scheduler"] == first + 2
    assert not can_write(a, "scheduler")
    assert can_write(b, "scheduler")


def test_a_lease_lasts_as_long_as_it_is_renewed(rig: LeaseRig) -> None:
    a, b = Process(rig, "a"), Process(rig, "b")
    a.acquire("scheduler")
    for _ in range(3):
        rig.let_pass(rig.ttl * 0.6)
        a.renew()
    b.renew()
    assert b.acquire("scheduler") == set()
    rig.let_pass(rig.ttl * 1.01)
    assert b.living() == {"b"}
    assert b.acquire("scheduler") == {"scheduler"}
    assert not can_write(a, "scheduler")


def test_who_was_late_and_not_replaced_goes_on_where_it_was(rig: LeaseRig) -> None:
    a = Process(rig, "a")
    a.acquire("scheduler")
    rig.let_pass(rig.ttl * 1.5)
    held = rig(a.store.renew(a.member, rig.ttl))
    assert held.holds("a", "scheduler", a.leases["scheduler"].epoch)
    assert can_write(a, "scheduler")


def test_what_a_killed_process_had_is_free_at_once(rig: LeaseRig) -> None:
    a, b = Process(rig, "a"), Process(rig, "b")
    a.acquire("scheduler")
    a.kill()
    assert b.living() == {"b"}
    assert b.acquire("scheduler") == {"scheduler"}


def test_what_has_changed_hands_is_not_released_by_who_had_it(rig: LeaseRig) -> None:
    a, b, c = Process(rig, "a"), Process(rig, "b"), Process(rig, "c")
    a.acquire("scheduler")
    rig.let_pass(rig.ttl * 1.01)
    c.renew()
    b.renew()
    b.acquire("scheduler")
    a.renew()
    a.release("scheduler")
    assert c.acquire("scheduler") == set()


def test_who_leaves_holds_nothing(rig: LeaseRig) -> None:
    a, b = Process(rig, "a"), Process(rig, "b")
    a.acquire(*SHARDS)
    rig(a.store.leave("a"))
    assert b.renew() == {}
    assert b.acquire(*SHARDS) == set(SHARDS)


STEPS = st.lists(
    st.tuples(st.sampled_from(["renew", "acquire", "release", "pass", "kill"]), st.integers(0, 2)),
    min_size=5,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_of_all_who_believe_to_own_a_shard_the_writes_of_one_succeed(steps: list[tuple[str, int]]) -> None:
    rig = SqliteLeases()
    _play(rig, [Process(rig, f"p{n}") for n in range(3)], steps)
    rig.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories=STEPS)
def test_on_a_database_too(postgres_rig: PostgresLeases, histories: list[tuple[str, int]]) -> None:
    """One history after the other by the same processes, each from where the last one has left it."""
    _play(postgres_rig, postgres_rig.processes, histories)


def _play(rig: LeaseRig, processes: list[Process], steps: list[tuple[str, int]]) -> None:
    for step, who in steps:
        process = processes[who]
        match step:
            case "renew":
                process.renew()
            case "acquire":
                process.acquire("scheduler")
            case "release" if "scheduler" in process.leases:
                process.release("scheduler")
            case "pass":
                rig.let_pass(rig.ttl * 0.7)
            case "kill":
                process.kill()
                process.renew()
            case _:
                pass
        believers = [p for p in processes if "scheduler" in p.leases]
        writers = [p for p in believers if can_write(p, "scheduler")]
        newest = max((p.leases["scheduler"].epoch for p in believers), default=0)
        assert [p.leases["scheduler"].epoch for p in writers] == [newest] * len(writers)
        assert len(writers) == bool(believers), "the newest owner can write, and nobody else"
