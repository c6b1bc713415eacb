"""What a verification has found: violations, what was looked at, and what could not be judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from actors.store import JournalEntry
from actors.verification.rules import Rule

SHOWN = 50
"""Violations of one rule that are kept; the others are counted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule is broken. `entries` are the journal's entries that show it, as `shard:seq`."""

    rule: Rule
    text: str
    task_id: str = ""
    entries: tuple[str, ...] = ()

    def __str__(self) -> str:
        task = f" task {self.task_id}:" if self.task_id else ""
        entries = f" [{', '.join(self.entries)}]" if self.entries else ""
        return f"rule {self.rule:d}:{task} {self.text}{entries}"


@dataclass(slots=True)
class Findings:
    """Filled by the checkers. `broken` counts all violations by rule, `violations` are the first of each.

    `looked_at` counts what was checked, by name; `unjudged` what could not be, by the reason.
    """

    violations: list[Violation] = field(default_factory=list)
    broken: Counter[Rule] = field(default_factory=Counter)
    looked_at: Counter[str] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)

    def add(self, rule: Rule, text: str, task_id: str = "", *entries: JournalEntry) -> None:
        """A rule is broken."""
        self.broken[rule] += 1
        if self.broken[rule] <= SHOWN:
            named = tuple(f"{entry.shard}:{entry.seq}" for entry in entries)
            self.violations.append(Violation(rule, text, task_id, named))

    @property
    def is_sound(self) -> bool:
        """Whether no rule is broken."""
        return not self.broken
