"""The entries that queries of the activity buffers read, as a pure function of the agents' events."""

from __future__ import annotations

from typing import Any

from actors.agent import events as ev
from actors.agent.descriptions import fitting
from actors.messages.tasks import Activity
from actors.store import Transaction


def note_entry(transaction: Transaction, agent_id: str, event: Any) -> None:
    """Add to the transaction what this event of the agent changes in its entries; nothing for most events."""
    match event:
        case ev.TaskExpected() | ev.ActivityRegistered():
            transaction.new_entries[event.task_id] = _new_entry(agent_id, event)
            transaction.changed_entries.pop(event.task_id, None)  # from before it had an entry
        case ev.AttemptPlaced() | ev.AttemptBegan() | ev.AttemptAbandoned() | ev.RunSuspended():
            _change(transaction, agent_id, event.task_id, {"timestamp": event.at})
        case ev.PreemptionBegan() | ev.PreemptionDeferred() | ev.PreemptionSpared() | ev.TerminationBegan():
            _change(transaction, agent_id, event.task_id, {"timestamp": event.at})
        case ev.TaskFinished():
            _change(transaction, agent_id, event.task_id, {"timestamp": event.at, "status": "ended"})
        case ev.ProgressNoted():
            _change(transaction, agent_id, event.task_id, _progress(event))
        case ev.ActivityForgotten():
            _forget(transaction, agent_id, event)


def _new_entry(agent_id: str, event: ev.TaskExpected | ev.ActivityRegistered) -> dict[str, Any]:
    said = fitting(event.activity or Activity())
    return {
        "agent_id": agent_id,
        "repo_id": said.repo_id,
        "worktree_id": said.worktree_id,
        "branch": said.branch,
        "description": said.description,
        "timestamp": event.at,
        "status": "live",
    }


def _progress(event: ev.ProgressNoted) -> dict[str, Any]:
    columns: dict[str, Any] = {"timestamp": event.at}
    if event.progress is not None:
        columns["progress"] = event.progress
    if event.activity is not None:
        said = event.activity
        given = {
            "repo_id": said.repo_id,
            "worktree_id": said.worktree_id,
            "branch": said.branch,
            "description": said.description,
        }
        columns |= {name: text for name, text in given.items() if text}
    return columns


def _change(transaction: Transaction, agent_id: str, task_id: str, columns: dict[str, Any]) -> None:
    new = transaction.new_entries.get(task_id)
    if new is not None:
        new.update(columns)
    else:
        transaction.changed_entries.setdefault(task_id, {"agent_id": agent_id}).update(columns)


def _forget(transaction: Transaction, agent_id: str, event: ev.ActivityForgotten) -> None:
    transaction.purged_entries.update(dict.fromkeys(event.task_ids))
    if not event.is_everything:
        return
    transaction.purged_agents.append(agent_id)
    for entries in (transaction.new_entries, transaction.changed_entries):
        ended = (t for t, entry in entries.items() if entry["agent_id"] == agent_id and entry.get("status") == "ended")
        transaction.purged_entries.update(dict.fromkeys(ended))
