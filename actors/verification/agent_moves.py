"""Rule 3, of agents: they move from state to state as `actors.agent_lifecycle` allows."""

from __future__ import annotations

from collections.abc import Mapping

from actors.agent.events import AgentMoved, AttemptBegan, AttemptPlaced
from actors.agent_lifecycle import LifecycleState, may_move
from actors.store import JournalEntry
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.findings import Findings
from actors.verification.rules import Rule

REST = (LifecycleState.RUNNABLE, LifecycleState.COMPLETED)
"""States of an agent with nothing to do, which a snapshot need not keep: it may begin anew from there."""


class AgentMoves:
    """The state of every agent, as the journal goes on."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._states: dict[str, LifecycleState] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        events: Mapping[type, OnEvent] = {
            AgentMoved: self._moved,
            AttemptPlaced: self._started,
            AttemptBegan: self._started,
        }
        return Checker(Rule.LEGAL_MOVES, events=events)

    def _started(self, entry: JournalEntry, event: AttemptPlaced | AttemptBegan) -> None:
        if event.agent_moves is None:
            return
        before = self._states.get(entry.key)
        if before is not None or self._given.trimmed_until is None:
            self._move(entry, before, event.agent_moves)
        else:
            self._states[entry.key] = event.agent_moves

    def _moved(self, entry: JournalEntry, event: AgentMoved) -> None:
        known = self._states.get(entry.key)
        begins_anew = event.before is None and known in REST
        is_known = known is not None or self._given.trimmed_until is None
        if is_known and event.before != known and not begins_anew:
            text = f"agent {entry.key} moved from {event.before or 'nothing'}, and was {known or 'unknown'}"
            self._findings.add(Rule.LEGAL_MOVES, text, "", entry)
        self._move(entry, event.before, event.after)

    def _move(self, entry: JournalEntry, before: LifecycleState | None, after: LifecycleState) -> None:
        self._findings.looked_at["moves of agents"] += 1
        is_legal = may_move(before, after) if before is not None else after is LifecycleState.INITIALIZING
        if not is_legal:
            text = f"agent {entry.key} moved from {before or 'nothing'} to {after}"
            self._findings.add(Rule.LEGAL_MOVES, text, "", entry)
        self._states[entry.key] = after
