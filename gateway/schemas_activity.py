"""What is said over REST about the activity of all agents together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from actors.activity_reader import ActivityRow
from actors.task_lifecycle import TaskState
from gateway.schema_fields import Response
from gateway.translate import iso_timestamp


class ActivityRecord(Response):
    """An entry of an activity buffer, after its last change."""

    task_id: str = Field(description="Task identifier.")
    agent_id: str = Field(description="The agent whose task it is.")
    repo_id: str = Field(description="Repository identifier; may be empty.")
    worktree_id: str = Field(description="Worktree identifier; may be empty.")
    branch: str = Field(description="Branch name; may be empty.")
    description: str = Field(description="Task description; may be empty.")
    progress: float | None = Field(
        description="How far the task is, a number from 0 to 1, as its worker said last; null before that."
    )
    state: TaskState = Field(description="The task's state, the true one (see /task/query).")
    status: Literal["live", "ended", "purged"] = Field(
        description="Whether the task has ended, and whether its entry has been purged since."
    )
    timestamp: str = Field(
        description="Time of the last change, ISO 8601 in UTC with milliseconds.", examples=["2025-10-11T12:00:00.000Z"]
    )
    change: int = Field(
        description="Number of the last change; each change of any entry has a higher one than all before it."
    )


class ActivityPage(Response):
    """Some entries, and where the others begin."""

    entries: list[ActivityRecord] = Field(description="The entries.")
    next: int | None = Field(
        description="Number of the change at which the next page begins, for `after` (of the history: `before`); null "
        "where this is the last page."
    )


def record_of(row: ActivityRow) -> ActivityRecord:
    """The entry as REST shows it."""
    return ActivityRecord(
        task_id=row.task_id,
        agent_id=row.agent_id,
        repo_id=row.repo_id,
        worktree_id=row.worktree_id,
        branch=row.branch,
        description=row.description,
        progress=row.progress,
        state=row.state,
        status=row.status,
        timestamp=iso_timestamp(row.timestamp),
        change=row.change,
    )


def page_of(rows: list[ActivityRow], limit: int) -> ActivityPage:
    """A page of at most `limit` entries, made of one more than that where there are more."""
    shown = rows[:limit]
    return ActivityPage(entries=[record_of(row) for row in shown], next=shown[-1].change if len(rows) > limit else None)
