"""The entries of all activity buffers as queries see them: one list, in which every change has a number of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from actors.task_lifecycle import TaskState

EntryStatus: TypeAlias = Literal["live", "ended", "purged"]
"""`purged`: forgotten, but for what a follower needs to hear of it."""


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which entries are meant; None stands for any."""

    agent_id: str | None = None
    repo_id: str | None = None
    worktree_id: str | None = None
    task_id: str | None = None

    def matches(self, row: ActivityRow) -> bool:
        """Whether this entry is meant."""
        return (
            self.agent_id in (None, row.agent_id)
            and self.repo_id in (None, row.repo_id)
            and self.worktree_id in (None, row.worktree_id)
            and self.task_id in (None, row.task_id)
        )


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """An entry after its last change. `timestamp` is Unix seconds, `progress` from 0 to 1 where it is known.

    `change` is the number of that change: each change of any entry has a higher one than all before it. `state` is the
    task's, as it is now.
    """

    change: int
    task_id: str
    agent_id: str
    repo_id: str
    worktree_id: str
    branch: str
    description: str
    progress: float | None
    timestamp: float
    status: EntryStatus
    state: TaskState


class ActivityReader(Protocol):
    """What queries of the activity buffers need of the store."""

    async def live_activity(
        self, where: ActivityFilter, *, after: int = 0, upto: int | None = None, limit: int = 100
    ) -> list[ActivityRow]:
        """Entries of tasks that have not ended, with after < change <= upto, the one whose change is oldest first."""

    async def ended_activity(
        self, where: ActivityFilter, *, before: int | None = None, limit: int = 100
    ) -> list[ActivityRow]:
        """Entries of ended tasks that are neither purged nor too old, with change < before, newest end first."""

    async def activity_changes(self, after: int, limit: int) -> list[ActivityRow]:
        """The entries whose last change came after change `after`, ended and purged ones too, in order of change."""

    def newest_activity_change(self) -> int:
        """The number of the newest change, 0 before the first."""

    def forgotten_activity_change(self) -> int:
        """The number up to which changes of ended entries may have been forgotten, 0 where none has been."""

    async def activity_beyond(self, change: int) -> None:
        """Return once there is a change with a higher number."""
