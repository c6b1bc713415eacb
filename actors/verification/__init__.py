"""Verification: every promise about tasks, checked against what the store has recorded.

`rules` are the promises. Each other file checks one of them, by the events of the journal in the order in which they
were written and by the rows that queries read: `kept`, `ends`, `task_moves`, `agent_moves`, `attempts`, `scopes`,
`capacity`, `activity`, `epochs`, `effects`, `starts`, `rows`, `entry_rows`, `states`, `drained`. `verification` shows
them the record; it needs plain iterables and no store. `reading` reads one from a store, by `actors.record_reader`.
"""

from __future__ import annotations

from actors.verification.checker import Given, Limits
from actors.verification.findings import Findings, Violation
from actors.verification.rules import MEANING, Rule
from actors.verification.verification import Verification, verify

__all__ = ["MEANING", "Findings", "Given", "Limits", "Rule", "Verification", "Violation", "verify"]
