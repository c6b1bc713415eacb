"""The activity buffer of one agent: an entry per task from admission to the end, and for a while after it.

An entry of a task that has not ended is never dropped. How many there may be is the scheduler's to say, which counts
those of all agents: a task that it has no room for goes `without_entry` until it has. Ended entries are kept until they
are purged, `keep_ended` newer ones have ended, or that is `keep_s` seconds ago: then the agent is woken to forget them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import takewhile
from math import inf
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from actors.agent.descriptions import fitting, updated
from actors.messages.answers import ActivityEntry
from actors.messages.tasks import Activity

_NOTHING_SAID = Activity()
_GATHERED: Final = 0.01
"""By how much of `keep_s` an entry may outstay it, so that several go at once."""
_Kept: TypeAlias = tuple[Activity, float, float | None]


class ActivityBuffer:
    """Entries by task id, as (activity, Unix seconds of the last change, progress).

    `refused` counts the registrations that were ever refused. `ended_without` are the last `keep_ended` tasks that
    ended without an entry, and when: room that is found for one of them comes too late.
    """

    __slots__ = ("_ended", "_keep_ended", "_keep_s", "_live", "ended_without", "refused", "without_entry")

    def __init__(
        self,
        keep_ended: int,
        entries: Iterable[ActivityEntry] = (),
        without_entry: Iterable[str] = (),
        refused: int = 0,
        ended_without: Mapping[str, float] = MappingProxyType({}),
        *,
        keep_s: float = inf,
    ) -> None:
        self._keep_ended = keep_ended
        self._keep_s = keep_s
        self._live: dict[str, _Kept] = {}
        self._ended: dict[str, _Kept] = {}
        self.without_entry: dict[str, None] = dict.fromkeys(without_entry)
        self.refused = refused
        self.ended_without: dict[str, float] = dict(ended_without)
        for entry in entries:
            kept = self._ended if entry.ended else self._live
            kept[entry.task_id] = (entry.activity, entry.timestamp, entry.progress)

    def __len__(self) -> int:
        return len(self._live) + len(self._ended)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._live or task_id in self._ended

    @property
    def unended(self) -> int:
        """How many tasks were registered or refused, and have not ended."""
        return len(self._live) + len(self.without_entry)

    @property
    def is_blank(self) -> bool:
        """Whether it has no entry, and never had to refuse one."""
        return not (self._live or self._ended or self.refused)

    def holds_live(self, task_id: str) -> bool:
        """Whether there is an entry of this task and the task has not ended."""
        return task_id in self._live

    def is_under_way(self, task_id: str) -> bool:
        """Whether the task was registered or refused, and has not ended."""
        return task_id in self._live or task_id in self.without_entry

    def knows(self, task_id: str, submitted_at: float) -> bool:
        """Whether the task that was submitted then was registered or refused, and has not been forgotten since.

        What had ended by then is an earlier task, whose id is used anew.
        """
        return self.is_under_way(task_id) or self.has_ended(task_id, submitted_at)

    def has_ended(self, task_id: str, submitted_at: float) -> bool:
        """Whether the task that was submitted then has ended, with or without an entry."""
        ended = self._ended.get(task_id)
        ended_at = self.ended_without.get(task_id) if ended is None else ended[1]
        return ended_at is not None and submitted_at <= ended_at

    def refuse(self, task_id: str) -> None:
        """There is no room for an entry of this task."""
        self.refused += 1
        self._forget_ended(task_id)
        self.without_entry[task_id] = None

    def register(self, task_id: str, at: float, activity: Activity | None) -> None:
        """The task has an entry from now on; None says nothing of what it does."""
        self.without_entry.pop(task_id, None)
        self._forget_ended(task_id)
        self._live[task_id] = (_NOTHING_SAID if activity is None else fitting(activity), at, None)

    def touch(self, task_id: str, at: float) -> None:
        """Something happened to the task at `at`."""
        before = self._live.get(task_id)
        if before is not None:
            self._live[task_id] = (before[0], at, before[2])

    def note_progress(self, task_id: str, at: float, said: Activity | None, progress: float | None) -> None:
        """The task is so far, and at this; what is None or empty stays as it was said before."""
        before = self._live.get(task_id)
        if before is not None:
            activity = before[0] if said is None else updated(before[0], said)
            self._live[task_id] = (activity, at, before[2] if progress is None else progress)

    def end(self, task_id: str, at: float) -> None:
        """The task has ended; the oldest ended entry makes room where there are too many."""
        before = self._live.pop(task_id, None)
        if before is None:
            if task_id in self.without_entry:
                del self.without_entry[task_id]
                self.ended_without[task_id] = at
                _keep_newest(self._keep_ended, self.ended_without)
            return
        self._ended[task_id] = (before[0], at, before[2])
        _keep_newest(self._keep_ended, self._ended)

    def purgeable(self, task_ids: Collection[str]) -> tuple[str, ...]:
        """Which of these tasks (none named: of all) have an entry that may be forgotten, each once."""
        return tuple(task_id for task_id in dict.fromkeys(task_ids or self._ended) if task_id in self._ended)

    @property
    def expires_at(self) -> float | None:
        """When to look for what is too old (Unix seconds); None where nothing has ended."""
        return self._oldest_end() + self._keep_s * (1.0 + _GATHERED) if self._ended else None

    def expired(self, now: float) -> tuple[str, ...]:
        """The tasks whose ended entries are too old, where it is time to look for them."""
        due = self.expires_at
        if due is None or due > now:
            return ()
        before = now - self._keep_s
        return tuple(task_id for task_id, _ in takewhile(lambda kept: kept[1][1] <= before, self._ended.items()))

    def _forget_ended(self, task_id: str) -> None:
        self._ended.pop(task_id, None)
        self.ended_without.pop(task_id, None)

    def _oldest_end(self) -> float:
        return next(iter(self._ended.values()))[1]

    def forget(self, task_ids: Iterable[str]) -> None:
        """Drop these ended entries."""
        for task_id in task_ids:
            self._ended.pop(task_id, None)

    def live(self) -> frozenset[str]:
        """The tasks that have an entry and have not ended."""
        return frozenset(self._live)

    def entries(self) -> tuple[ActivityEntry, ...]:
        """All entries, the one whose last change is oldest first."""
        return tuple(sorted(self.stored(), key=lambda entry: entry.timestamp))

    def stored(self) -> Iterator[ActivityEntry]:
        """All entries in the order in which they are kept, so that the constructor can rebuild the buffer."""
        for ended, kept in ((True, self._ended), (False, self._live)):
            for task_id, (activity, timestamp, progress) in kept.items():
                yield ActivityEntry(task_id, activity, timestamp, ended, progress)


def _keep_newest(most: int, kept: dict[str, Any]) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
