"""The table of a task's states is sound: every state is reachable, every task can end, no end is left."""

from __future__ import annotations

import pytest

from actors.task_lifecycle import MOVES, TASK_STATUS, TERMINAL, TaskState, may_move


def reachable_from(start: TaskState) -> set[TaskState]:
    seen: set[TaskState] = set()
    ahead = [start]
    while ahead:
        state = ahead.pop()
        if state not in seen:
            seen.add(state)
            ahead.extend(MOVES[state])
    return seen


def test_the_tables_know_every_state() -> None:
    assert set(MOVES) == set(TaskState)
    assert set(TASK_STATUS) == set(TaskState)


def test_every_state_is_reachable_from_queued() -> None:
    assert reachable_from(TaskState.QUEUED) == set(TaskState)


@pytest.mark.parametrize("state", sorted(TaskState))
def test_every_task_can_reach_every_end_it_has_not_passed(state: TaskState) -> None:
    if state in TERMINAL:
        assert reachable_from(state) == {state}
    else:
        assert reachable_from(state) >= TERMINAL


def test_the_ends_are_the_four_that_a_task_can_have() -> None:
    assert {"completed", "failed", "cancelled", "expired"} == TERMINAL


@pytest.mark.parametrize("state", sorted(TaskState))
def test_a_client_of_the_guide_sees_completed_exactly_at_the_end(state: TaskState) -> None:
    assert (TASK_STATUS[state] == "completed") == (state in TERMINAL)
    assert TASK_STATUS[state] in ("queued", "scheduled", "completed")


@pytest.mark.parametrize("state", sorted(TaskState))
def test_no_move_leads_back_to_the_same_state(state: TaskState) -> None:
    assert not may_move(state, state)


def test_a_suspended_task_never_counts_as_a_new_one() -> None:
    assert not may_move(TaskState.SUSPENDED, TaskState.QUEUED)
    assert may_move(TaskState.PREEMPTING, TaskState.SUSPENDED)
    assert not may_move(TaskState.RUNNING, TaskState.SUSPENDED)
