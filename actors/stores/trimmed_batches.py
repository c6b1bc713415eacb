"""What of a batch of the journal retention may drop: entries about no task, and about tasks that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from actors.store import JournalEntry

REUSE_MARGIN_S: Final = 60.0
"""An entry that is older than the task of its id by more than this is of an earlier task of that id."""


def droppable(entries: Sequence[JournalEntry], submitted_at: Mapping[str, float]) -> frozenset[int]:
    """The seqs of those that may go. `submitted_at` has the tasks that are there, by id."""

    def may_go(entry: JournalEntry) -> bool:
        since = submitted_at.get(entry.task_id)
        return since is None or entry.at < since - REUSE_MARGIN_S

    return frozenset(entry.seq for entry in entries if may_go(entry))
