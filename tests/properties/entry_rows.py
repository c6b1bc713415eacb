"""The rows of activity entries, as a store has them after what agents did, held against the agents' own buffers."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import actors.stores.sqlite
from actors.activity_rows import note_entry
from actors.agent.activity_buffer import ActivityBuffer
from actors.agent.events import ActivityForgotten, AgentEvent, TaskFinished
from actors.messages.tasks import IMPLICIT_AGENT
from actors.store import Transaction
from actors.stores.sqlite.activity_table import ActivityTable

SCHEMA = Path(actors.stores.sqlite.__file__).with_name("activity.sql").read_text()
READ = (
    "SELECT task_id, agent_id, repo_id, worktree_id, branch, description, timestamp, progress, status, change "
    "FROM activity"
)


class EntryRows:
    """A table, and a transaction that is gathered until it is committed. `ended` is who should be in the history."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:")
        self._connection.executescript(SCHEMA)
        self._table = ActivityTable(self._connection, 10_000)
        self._transaction = Transaction()
        self._before: dict[str, tuple[Any, ...]] = {}
        self._ended: dict[str, dict[str, None]] = {}

    def note(self, agent_id: str, events: Sequence[AgentEvent]) -> None:
        """The agent has decided this."""
        if agent_id.startswith(IMPLICIT_AGENT):
            return
        ended = self._ended.setdefault(agent_id, {})
        for event in events:
            note_entry(self._transaction, agent_id, event)
            if isinstance(event, TaskFinished):
                ended[event.task_id] = None
            elif isinstance(event, ActivityForgotten):
                for task_id in list(ended) if event.is_everything else event.task_ids:
                    ended.pop(task_id, None)

    def commit(self) -> None:
        """Write what has been decided; every row that is another than before has a number of its own, and a new one."""
        newest = self._table.newest
        self._table.write(self._connection, self._transaction)
        self._table.settle()
        self._transaction = Transaction()
        rows = {row[0]: row for row in self._connection.execute(READ)}
        for task_id, row in rows.items():
            before = self._before.get(task_id)
            assert before == row or row[-1] > newest, f"{before} became {row} and change {newest} was there already"
        assert len({row[-1] for row in rows.values()}) == len(rows)
        self._before = rows

    def check(self, buffers: Mapping[str, ActivityBuffer | None]) -> None:
        """Live rows are exactly the live entries; ended ones at least those that a buffer still has."""
        said: dict[str, dict[str, tuple[Any, ...]]] = {"live": {}, "ended": {}, "purged": {}}
        for task_id, *about, status, _ in self._before.values():
            said[status][task_id] = tuple(about)
        kept: dict[bool, dict[str, tuple[Any, ...]]] = {False: {}, True: {}}
        for agent_id, buffer in buffers.items():
            for entry in buffer.stored() if buffer is not None else ():
                a = entry.activity
                texts = (a.repo_id, a.worktree_id, a.branch, a.description)
                kept[entry.ended][entry.task_id] = (agent_id, *texts, entry.timestamp, entry.progress)
        assert said["live"] == kept[False]
        assert kept[True].items() <= said["ended"].items()
        with_entry = {task_id for ended in self._ended.values() for task_id in ended} & self._before.keys()
        assert said["ended"].keys() == with_entry
