"""The `task` rows that queries read, as a pure function of the journal's events."""

from __future__ import annotations

from typing import Any

from actors.agent import events as agent
from actors.dispatcher import events as dispatcher
from actors.scheduler import events as scheduler
from actors.store import SETTLED_AT_THE_END, Transaction
from actors.task_lifecycle import TERMINAL, TaskState


def note_row(transaction: Transaction, event: Any, at: float) -> dict[str, Any]:
    """Add to the transaction what this event, which happened at `at` (Unix seconds), changes in the row.

    Returns the changed columns; empty for most events.
    """
    if isinstance(event, scheduler.TaskQueued):
        columns = _new_row(event, at)
        transaction.new_rows[event.task_id] = columns
        return columns
    columns = changed_columns(event, at)
    if not columns:
        return {}
    new = transaction.new_rows.get(event.task_id)
    row = new if new is not None else transaction.changed_rows.setdefault(event.task_id, {})
    if row.get("state") in TERMINAL and not SETTLED_AT_THE_END.isdisjoint(columns):
        return {}  # as the store guards it
    row.update(columns)
    row["updated_at"] = at
    return columns


def changed_columns(event: Any, at: float) -> dict[str, Any]:
    """The columns of the task's row that the event sets; none for most events."""
    match event:
        case scheduler.TaskBound():
            return {
                "state": TaskState.DISPATCHED,
                "scheduled_ti": event.ti_uuid,
                "attempt": event.attempt,
                "remote_id": "",
                "dispatched_at": at,
                "started_at": None,
            }
        case scheduler.TaskRequeued():
            return {"state": TaskState.QUEUED}
        case scheduler.TaskMoved():
            return {"scheduled_ti": event.scheduled_ti}
        case dispatcher.PushAccepted():
            return {"remote_id": event.remote_id} if event.remote_id else {}
        case agent.AttemptBegan():
            return {"started_at": at} if event.gives_way else {"state": TaskState.RUNNING, "started_at": at}
        case agent.PreemptionBegan():
            return {"state": TaskState.PREEMPTING}
        case agent.RunSuspended():
            return {"state": TaskState.SUSPENDED}
        case agent.TaskFinished():
            return {
                "state": event.state,
                "ended_at": at,
                "execution_ms": event.execution_ms,
                "error": event.error,
                "error_code": event.error_code,
            }
        case _:
            return {}


def _new_row(event: scheduler.TaskQueued, at: float) -> dict[str, Any]:
    spec = event.spec
    return {
        "task_id": spec.task_id,
        "agent_id": spec.agent_id,
        "model_name": spec.model_name,
        "priority": spec.priority,
        "scope": spec.scope,
        "origin": spec.origin,
        "digest": spec.digest,
        "state": TaskState.QUEUED,
        "submitted_at": spec.submitted_at,
        "scheduled_ti": event.scheduled_ti,
        "updated_at": at,
    }
