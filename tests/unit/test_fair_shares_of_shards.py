"""Which shards each process should host, from what all of them can see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.addresses import ActorKind, all_shards, kind_of_shard
from actors.fair_shares import Change, fair_change
from actors.leases import Membership

AGENTS: frozenset[ActorKind] = frozenset({"agent"})
SCHEDULERS: frozenset[ActorKind] = frozenset({"scheduler"})
ALL: frozenset[ActorKind] = frozenset({"scheduler", "agent", "dispatcher"})
SHARDS = [f"agent-{n}" for n in range(8)]


def change(me: str, hosted: list[str], members: dict[str, frozenset[ActorKind]], owners: dict[str, str]) -> Change:
    return fair_change(me, SHARDS, hosted, Membership(members, owners))


def test_alone_it_takes_everything() -> None:
    assert change("a", [], {"a": AGENTS}, {}) == Change(tuple(SHARDS))


def test_who_has_everything_gives_up_half_to_a_second_one() -> None:
    owners = dict.fromkeys(SHARDS, "a")
    given_up = change("a", SHARDS, {"a": AGENTS, "b": AGENTS}, owners).give_up
    assert len(given_up) == 4
    assert change("b", [], {"a": AGENTS, "b": AGENTS}, owners) == Change(), "nothing is free yet"
    left = {shard: "a" for shard in SHARDS if shard not in given_up}
    assert set(change("b", [], {"a": AGENTS, "b": AGENTS}, left).take) == set(given_up)


def test_a_process_of_another_kind_has_no_share() -> None:
    assert change("a", SHARDS, {"a": AGENTS, "s": SCHEDULERS}, dict.fromkeys(SHARDS, "a")) == Change()


def test_where_it_does_not_divide_those_that_hold_most_keep_one_more() -> None:
    members = {"a": AGENTS, "b": AGENTS, "c": AGENTS}
    owners = {shard: "bbbccaaa"[n] for n, shard in enumerate(SHARDS)}
    for me in members:
        assert change(me, [shard for shard in SHARDS if owners[shard] == me], members, owners) == Change()


def test_the_one_that_is_there_keeps_the_only_shard_and_the_other_stands_by() -> None:
    members = {"a": SCHEDULERS, "b": SCHEDULERS}
    assert fair_change("a", ["scheduler"], [], Membership(members, {"scheduler": "b"})) == Change()
    assert fair_change("b", ["scheduler"], ["scheduler"], Membership(members, {"scheduler": "b"})) == Change()
    assert fair_change("a", ["scheduler"], [], Membership({"a": SCHEDULERS}, {})) == Change(("scheduler",))


def test_what_is_recorded_as_its_own_and_does_not_run_is_taken_again() -> None:
    owners = dict.fromkeys(SHARDS, "a")
    assert change("a", SHARDS[1:], {"a": AGENTS}, owners).take == (SHARDS[0],)


@given(
    kinds=st.lists(st.sampled_from([AGENTS, SCHEDULERS, ALL]), min_size=1, max_size=5),
    shards=st.integers(1, 12),
    order=st.randoms(use_true_random=False),
)
@pytest.mark.parametrize("leaving", [False, True])
def test_in_any_order_of_looks_all_is_hosted_evenly_and_then_nothing_moves(
    leaving: bool, kinds: list[frozenset[ActorKind]], shards: int, order: object
) -> None:
    members = {f"m{n}": kind for n, kind in enumerate(kinds)}
    names = [name for name in all_shards(shards) if any(kind_of_shard(name) in kind for kind in kinds)]
    owners: dict[str, str] = {}
    for phase in range(2):
        if phase and leaving and len(members) > 1:
            del members["m0"]
            owners = {shard: owner for shard, owner in owners.items() if owner in members}
            names = [name for name in names if any(kind_of_shard(name) in kind for kind in members.values())]
        for _ in range(4):  # all look in any order; what one gives up is free for those who look after it
            turns = list(members)
            order.shuffle(turns)  # type: ignore[attr-defined]
            moved = False
            for me in turns:
                mine = [shard for shard in owners if owners[shard] == me]
                able = [name for name in names if kind_of_shard(name) in members[me]]
                done = fair_change(me, able, mine, Membership(members, owners))
                moved = moved or done != Change()
                for shard in done.give_up:
                    del owners[shard]
                owners |= dict.fromkeys(done.take, me)
        assert not moved
        assert set(owners) == set(names)
        for kind in ("agent", "dispatcher"):
            hosts = [me for me in members if kind in members[me]]
            counts = [sum(owners[s] == me and kind_of_shard(s) == kind for s in owners) for me in hosts]
            assert not counts or max(counts) - min(counts) <= 1
