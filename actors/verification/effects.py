"""Rule 8: what one message brings about with an actor stands together, and so happened once.

Producers may publish theirs again and again; that a task of theirs is admitted once is of rules 2 and 3.
"""

from __future__ import annotations

from actors.envelope import PUBLISHED
from actors.store import JournalEntry
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.rules import Rule


class Effects:
    """The causes of each shard. Most ids end in a counter, which takes one bit each to remember."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._now: dict[str, tuple[str, str]] = {}
        self._counted: dict[tuple[str, str], bytearray] = {}
        self._others: set[tuple[str, str]] = set()

    def checker(self) -> Checker:
        """To be shown the record."""
        return Checker(Rule.ONE_EFFECT, entry=self._entry, finish=self._finish)

    def _entry(self, entry: JournalEntry) -> None:
        if self._now.get(entry.shard) == (entry.key, entry.cause) or entry.cause.startswith(PUBLISHED):
            return
        self._now[entry.shard] = (entry.key, entry.cause)
        self._findings.looked_at["messages with an effect"] += 1
        if self._is_known(entry):
            self._findings.add(Rule.ONE_EFFECT, f"message {entry.cause} had its effect twice", entry.task_id, entry)

    def _is_known(self, entry: JournalEntry) -> bool:
        """Whether this shard had the cause before; it has now."""
        prefix, _, counter = entry.cause.rpartition(":")
        if not prefix or not counter.isascii() or not counter.isdigit() or len(counter) > 8:
            known = (entry.shard, entry.cause) in self._others
            self._others.add((entry.shard, entry.cause))
            return known
        byte, bit = divmod(int(counter), 8)
        bits = self._counted.setdefault((entry.shard, prefix), bytearray())
        if byte >= len(bits):
            bits.extend(bytes(byte + 1 - len(bits)))
        known = bool(bits[byte] >> bit & 1)
        bits[byte] |= 1 << bit
        return known

    def _finish(self) -> None:
        self._findings.looked_at["messages still to be sent"] += len(self._given.outbox)
        if self._given.drained:
            for row in self._given.outbox:
                self._findings.add(Rule.ONE_EFFECT, f"message {row.id} of {row.shard} was never sent")
