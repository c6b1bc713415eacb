"""A task's row is what its events say, and an end is never overwritten."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from actors.agent import events as agent
from actors.dispatcher import events as dispatcher
from actors.messages.tasks import TaskSpec
from actors.scheduler import events as scheduler
from actors.store import TaskRow, Transaction
from actors.task_lifecycle import TaskState
from actors.task_rows import changed_columns, note_row

SPEC = TaskSpec("t1", "model:m", "m", 5, 999.0, "content", "grpc", scope="repo")
QUEUED = scheduler.TaskQueued(SPEC, ("model:m",), "i1")
BOUND = scheduler.TaskBound("t1", "model:m", "i2", 1, 1001.0)
BEGAN = agent.AttemptBegan("t1", 1, "i2", 1002.0, 2000.0)
RETURNED = scheduler.TaskRequeued("t1", "model:m", 2, "i2", 1010.0, "refused")
FINISHED = agent.TaskFinished("t1", TaskState.COMPLETED, 1, "i2", 1003.0, 12.5)


def changed(*events: Any, at: float = 1005.0) -> dict[str, Any]:
    """What the events change in a row that is stored already."""
    transaction = Transaction()
    for event in events:
        note_row(transaction, event, at)
    assert not transaction.new_rows
    return transaction.changed_rows.get("t1", {})


def test_a_new_task_is_a_whole_row() -> None:
    transaction = Transaction()
    columns = note_row(transaction, QUEUED, 1000.0)
    assert transaction.new_rows == {"t1": columns}
    row = TaskRow(**columns)
    assert (row.state, row.scheduled_ti, row.submitted_at, row.updated_at) == (TaskState.QUEUED, "i1", 999.0, 1000.0)
    assert (row.origin, row.scope, row.priority, row.digest) == ("grpc", "repo", 5, "content")


def test_what_follows_in_the_same_transaction_is_part_of_the_new_row() -> None:
    transaction = Transaction()
    for event in (QUEUED, BOUND):
        note_row(transaction, event, 1000.0)
    assert not transaction.changed_rows
    row = TaskRow(**transaction.new_rows["t1"])
    assert (row.state, row.scheduled_ti, row.attempt, row.dispatched_at) == (TaskState.DISPATCHED, "i2", 1, 1000.0)


def test_a_new_attempt_begins_with_a_clean_record() -> None:
    assert changed(BOUND) == {
        "state": TaskState.DISPATCHED,
        "scheduled_ti": "i2",
        "attempt": 1,
        "remote_id": "",
        "dispatched_at": 1005.0,
        "started_at": None,
        "updated_at": 1005.0,
    }


def test_each_step_changes_its_columns_alone() -> None:
    at = {"updated_at": 1005.0}
    assert changed(BEGAN) == {"state": TaskState.RUNNING, "started_at": 1005.0, **at}
    assert changed(RETURNED) == {"state": TaskState.QUEUED, **at}
    assert changed(scheduler.TaskMoved("t1", "i9")) == {"scheduled_ti": "i9", **at}
    assert changed(dispatcher.PushAccepted("t1", 1, "theirs", 1002.0)) == {"remote_id": "theirs", **at}
    assert changed(dispatcher.PushAccepted("t1", 1, "", 1002.0)) == {}
    assert changed(FINISHED) == {
        "state": TaskState.COMPLETED,
        "ended_at": 1005.0,
        "execution_ms": 12.5,
        "error": "",
        "error_code": "",
        **at,
    }


def test_within_a_transaction_nothing_moves_a_task_on_from_its_end() -> None:
    """An agent ends a task while the scheduler still gives it another attempt: both may be decided in one turn."""
    moved = scheduler.TaskMoved("t1", "i9")
    for late in (RETURNED, BOUND, BEGAN, moved, agent.TaskFinished("t1", TaskState.FAILED, 2, "i2", 1004.0)):
        transaction = Transaction()
        note_row(transaction, FINISHED, 1003.0)
        assert note_row(transaction, late, 1004.0) == {}
        assert transaction.changed_rows["t1"]["state"] is TaskState.COMPLETED
        assert transaction.changed_rows["t1"]["updated_at"] == 1003.0
        assert "attempt" not in transaction.changed_rows["t1"]


def test_only_columns_of_the_row_are_ever_changed() -> None:
    known = {column.name for column in fields(TaskRow)}
    for event in (QUEUED, BOUND, BEGAN, RETURNED, FINISHED, scheduler.TaskMoved("t1", "i9")):
        assert note_row(Transaction(), event, 1.0).keys() <= known


def test_most_events_change_no_row() -> None:
    telling = {"TaskQueued", "TaskBound", "TaskRequeued", "TaskMoved", "PushAccepted", "AttemptBegan", "TaskFinished"}
    silent = [
        scheduler.TaskReadied("t1"),
        scheduler.TaskClosed("t1", TaskState.FAILED, None),
        agent.CallbackDelivered("t1"),
    ]
    assert [changed_columns(event, 1.0) for event in silent] == [{}, {}, {}]
    unions = (scheduler.SchedulerEvent, agent.AgentEvent, dispatcher.DispatcherEvent)
    assert telling <= {kind.__name__ for union in unions for kind in get_args(union)}
