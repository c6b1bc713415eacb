"""The activity buffer of one agent: an entry per task from admission on, kept for a while after its end.

Live entries are never dropped. Ended ones are kept until they are purged or `keep_ended` newer ones have
ended; with `keep_ended` 0 a task's entry goes with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from actors.messages.answers import ActivityEntry
from actors.messages.tasks import Activity

_NOTHING_SAID = Activity()


class ActivityBuffer:
    """Entries by task id, as (activity, Unix seconds of the last change)."""

    __slots__ = ("_ended", "_keep_ended", "_live")

    def __init__(self, keep_ended: int, entries: Iterable[ActivityEntry] = ()) -> None:
        self._keep_ended = keep_ended
        self._live: dict[str, tuple[Activity, float]] = {}
        self._ended: dict[str, tuple[Activity, float]] = {}
        for entry in entries:
            kept = self._ended if entry.ended else self._live
            kept[entry.task_id] = (entry.activity, entry.timestamp)

    def __len__(self) -> int:
        return len(self._live) + len(self._ended)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._live or task_id in self._ended

    def holds_live(self, task_id: str) -> bool:
        """Whether there is an entry of this task and the task has not ended."""
        return task_id in self._live

    def note(self, task_id: str, at: float, activity: Activity | None = None) -> None:
        """Something happened to the task at `at`; None leaves its activity as it is."""
        if activity is None:
            before = self._live.get(task_id)
            activity = _NOTHING_SAID if before is None else before[0]
        self._live[task_id] = (activity, at)

    def end(self, task_id: str, at: float) -> None:
        """The task has ended; the oldest ended entry makes room where there are too many."""
        before = self._live.pop(task_id, None)
        if before is None:
            return
        self._ended[task_id] = (before[0], at)
        while len(self._ended) > self._keep_ended:
            del self._ended[next(iter(self._ended))]

    def purgeable(self, task_ids: Collection[str]) -> tuple[str, ...]:
        """Which of these tasks (none named: of all) have an entry that may be forgotten, each once."""
        return tuple(task_id for task_id in dict.fromkeys(task_ids or self._ended) if task_id in self._ended)

    def forget(self, task_ids: Iterable[str]) -> None:
        """Drop these ended entries."""
        for task_id in task_ids:
            self._ended.pop(task_id, None)

    def entries(self) -> tuple[ActivityEntry, ...]:
        """All entries, the one whose last change is oldest first."""
        return tuple(sorted(self.stored(), key=lambda entry: entry.timestamp))

    def stored(self) -> Iterator[ActivityEntry]:
        """All entries in the order in which they are kept, so that the constructor can rebuild the buffer."""
        for ended, kept in ((True, self._ended), (False, self._live)):
            for task_id, (activity, timestamp) in kept.items():
                yield ActivityEntry(task_id, activity, timestamp, ended)
