"""Rule 10, of the table of activity entries: each row is what the agents' events say of it."""

from __future__ import annotations

from typing import Any

from actors.activity_reader import ActivityRow
from actors.activity_rows import note_entry
from actors.agent.events import AgentEvent
from actors.messages.tasks import IMPLICIT_AGENT
from actors.store import JournalEntry, Transaction
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.kept_texts import is_kept
from actors.verification.rules import Rule

COMPARED = ("agent_id", "repo_id", "worktree_id", "branch", "description", "progress", "timestamp", "status")
BLANKED = {"branch": "", "description": "", "progress": None, "status": "purged"}


class EntryRows:
    """The entries of tasks of agents that a client named, as the journal goes on."""

    def __init__(self, given: Given, findings: Findings, agent_events: tuple[type, ...]) -> None:
        self._given = given
        self._findings = findings
        self._types = agent_events
        self._rows: dict[str, dict[str, Any]] = {}
        self._purged_unseen = given.trimmed_until is not None

    def checker(self) -> Checker:
        """To be shown the record."""
        return Checker(
            Rule.REPLAY, events=dict.fromkeys(self._types, self._note), activity=self._row, finish=self._finish
        )

    def _note(self, entry: JournalEntry, event: AgentEvent) -> None:
        if entry.key.startswith(IMPLICIT_AGENT):
            return
        changes = Transaction()
        note_entry(changes, entry.key, event)
        for agent_id in changes.purged_agents:
            ended = [t for t, row in self._rows.items() if row["agent_id"] == agent_id and row["status"] == "ended"]
            self._purge(ended)
        for task_id, row in changes.new_entries.items():
            self._rows[task_id] = {"progress": None, **row}
        for task_id, columns in changes.changed_entries.items():
            if task_id in self._rows:
                self._rows[task_id].update({k: v for k, v in columns.items() if k != "agent_id" and v is not None})
        self._purge(list(changes.purged_entries))

    def _purge(self, task_ids: list[str]) -> None:
        for task_id in task_ids:
            if task_id in self._rows and self._rows[task_id]["status"] == "ended":
                self._rows[task_id].update(BLANKED)

    def _row(self, row: ActivityRow) -> None:
        replayed = self._rows.pop(row.task_id, None)
        self._findings.looked_at["activity rows"] += 1
        if replayed is None:
            self._findings.add(Rule.REPLAY, "has an activity row, and the journal says nothing of it", row.task_id)
            return
        if self._purged_unseen and row.status == "purged":
            return  # entries about no task are trimmed, and purges are such
        for name in COMPARED:
            if not is_kept(replayed[name], getattr(row, name)):
                text = f"its activity row has {name} {getattr(row, name)!r}, and its story {replayed[name]!r}"
                self._findings.add(Rule.REPLAY, text, row.task_id)

    def _finish(self) -> None:
        for task_id, row in self._rows.items():
            if row["status"] == "live":
                self._findings.add(Rule.REPLAY, "has a live activity entry by the journal, and no row", task_id)
