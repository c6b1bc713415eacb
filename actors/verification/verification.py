"""Holds a record to every rule, in one pass over its journal and one over its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actors.activity_reader import ActivityRow
from actors.addresses import ActorKind
from actors.behaviour import AnyBehaviour
from actors.messages.wire import Codec
from actors.store import JournalEntry, TaskRow
from actors.verification.activity import Entries
from actors.verification.agent_moves import AgentMoves
from actors.verification.attempts import Attempts
from actors.verification.capacity import Capacity
from actors.verification.checker import Checker, Given, OnEvent
from actors.verification.drained import drained
from actors.verification.effects import Effects
from actors.verification.ends import Ends
from actors.verification.entry_rows import EntryRows
from actors.verification.epochs import Epochs
from actors.verification.findings import Findings
from actors.verification.kept import kept
from actors.verification.rows import Rows
from actors.verification.rules import Rule
from actors.verification.scopes import Scopes
from actors.verification.starts import Starts
from actors.verification.states import Replay
from actors.verification.task_moves import TaskMoves


class Verification:
    """Fed with the journal, in the order of writing (entries of one transaction by `at`), then with the rows."""

    def __init__(self, behaviours: Mapping[ActorKind, AnyBehaviour], given: Given) -> None:
        self._findings = Findings()
        self._replay = Replay(behaviours, given, self._findings)
        types = [type_ for behaviour in behaviours.values() for type_ in behaviour.event_types]
        self._codec = Codec[Any](types)
        self._checkers = self._make_checkers(given, behaviours["agent"].event_types)
        self._on_entry = [checker.entry for checker in self._checkers if checker.entry is not None]
        self._on_event: dict[type, list[OnEvent]] = {type_: [] for type_ in types}
        for checker in self._checkers:
            for type_, hear in checker.events.items():
                self._on_event[type_].append(hear)

    def entry(self, entry: JournalEntry) -> None:
        """The next entry of the journal."""
        self._findings.looked_at["events"] += 1
        for see in self._on_entry:
            see(entry)
        try:
            event = self._codec.decode(entry.kind, entry.body)
        except ValueError as error:
            self._findings.add(Rule.REPLAY, f"cannot be read: {error}", entry.task_id, entry)
            return
        for hear in self._on_event[type(event)]:
            hear(entry, event)
        self._replay.apply(entry, event)

    def task(self, row: TaskRow) -> None:
        """The next row of the table of tasks; after the journal."""
        for checker in self._checkers:
            if checker.task is not None:
                checker.task(row)

    def activity(self, row: ActivityRow) -> None:
        """The next row of the table of activity entries; after the journal."""
        for checker in self._checkers:
            if checker.activity is not None:
                checker.activity(row)

    def finish(self) -> Findings:
        """That was all."""
        for checker in self._checkers:
            if checker.finish is not None:
                checker.finish()
        return self._findings

    def _make_checkers(self, given: Given, agent_events: tuple[type, ...]) -> Sequence[Checker]:
        found = self._findings
        return (
            kept(given, found),
            Ends(given, found).checker(),
            TaskMoves(given, found).checker(),
            AgentMoves(given, found).checker(),
            Attempts(given, found).checker(),
            Scopes(found).checker(),
            Capacity(given, found).checker(),
            Entries(given, found).checker(),
            Epochs(given, found).checker(),
            Effects(given, found).checker(),
            Starts(given, found, self._replay).checker(),
            Rows(given, found).checker(),
            EntryRows(given, found, agent_events).checker(),
            self._replay.checker(),
            drained(given, found),
        )


def verify(
    behaviours: Mapping[ActorKind, AnyBehaviour],
    given: Given,
    *,
    entries: Iterable[JournalEntry],
    tasks: Iterable[TaskRow] = (),
    activity: Iterable[ActivityRow] = (),
) -> Findings:
    """The same of a record at hand. `entries` have their `shard` and `epoch`, in the order of writing."""
    verification = Verification(behaviours, given)
    for entry in entries:
        verification.entry(entry)
    for row in tasks:
        verification.task(row)
    for row_of_activity in activity:
        verification.activity(row_of_activity)
    return verification.finish()
