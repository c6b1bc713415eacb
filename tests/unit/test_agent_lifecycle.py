"""The table of an agent's states is sound: every state is reachable and can be left, and those with a time-out fail."""

from __future__ import annotations

import pytest

from actors.agent.policy import AgentPolicy
from actors.agent_lifecycle import MOVES, TIMEOUT_CODE, LifecycleState, may_move

S = LifecycleState


def reachable_from(start: LifecycleState) -> set[LifecycleState]:
    seen: set[LifecycleState] = set()
    ahead = [start]
    while ahead:
        state = ahead.pop()
        if state not in seen:
            seen.add(state)
            ahead.extend(MOVES[state])
    return seen


def test_the_table_knows_every_state() -> None:
    assert set(MOVES) == set(LifecycleState)
    assert {state.name.lower() for state in LifecycleState} == {state.value for state in LifecycleState}


@pytest.mark.parametrize("state", sorted(LifecycleState))
def test_from_every_state_all_others_but_the_first_are_reachable(state: LifecycleState) -> None:
    assert reachable_from(state) == set(LifecycleState) - ({S.INITIALIZING} - {state})
    assert not may_move(state, state)


@pytest.mark.parametrize("state", sorted(LifecycleState))
def test_a_state_fails_exactly_where_it_has_a_time_out(state: LifecycleState) -> None:
    assert may_move(state, S.FAILED) == (state in TIMEOUT_CODE)


def test_each_time_out_has_a_code_and_a_length_of_its_own() -> None:
    assert len(set(TIMEOUT_CODE.values())) == len(TIMEOUT_CODE) == 5
    assert {*AgentPolicy().lifecycle_timeouts, S.SHUTTING_DOWN} == set(TIMEOUT_CODE)


@pytest.mark.parametrize("state", sorted(set(LifecycleState) - {S.SHUTTING_DOWN}))
def test_every_agent_can_be_shut_down(state: LifecycleState) -> None:
    assert may_move(state, S.SHUTTING_DOWN)


@pytest.mark.parametrize("state", sorted(LifecycleState))
def test_an_agent_runs_only_what_was_on_its_way_before(state: LifecycleState) -> None:
    assert may_move(state, S.RUNNING) == (state in (S.SCHEDULED, S.RESUMED, S.SHUTTING_DOWN))


def test_a_failure_is_not_over_because_the_agent_still_waits() -> None:
    assert not MOVES[S.FAILED] & {S.INITIALIZING, S.WAITING_RESOURCES, S.SUSPENDED, S.RECOVERING, S.COMPLETED}
