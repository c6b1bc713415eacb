"""Rule 6: in each shard the entries count up without gaps, under epochs that never fall."""

from __future__ import annotations

from actors.store import JournalEntry
from actors.verification.checker import Checker, Given
from actors.verification.findings import Findings
from actors.verification.rules import Rule


class Epochs:
    """The last entry of each shard. An epoch of 0 is not known: the entry is from before epochs were recorded."""

    def __init__(self, given: Given, findings: Findings) -> None:
        self._given = given
        self._findings = findings
        self._last: dict[str, JournalEntry] = {}
        self._epochs: dict[str, int] = {}

    def checker(self) -> Checker:
        """To be shown the record."""
        return Checker(Rule.EPOCHS, entry=self._entry, finish=self._finish)

    def _entry(self, entry: JournalEntry) -> None:
        before, epoch = self._last.get(entry.shard), self._epochs.get(entry.shard, 0)
        seq = before.seq if before is not None else 0
        if entry.seq <= seq:
            shown = (before, entry) if before is not None else (entry,)
            self._findings.add(Rule.EPOCHS, f"{entry.shard} has {entry.seq} after {seq}", entry.task_id, *shown)
        elif entry.seq > seq + 1 and not self._may_be_missing(entry.shard, entry.seq):
            text = f"{entry.shard} lacks {seq + 1} to {entry.seq - 1}"
            self._findings.add(Rule.EPOCHS, text, "", entry)
        if entry.epoch == 0:
            self._findings.unjudged["entries from before epochs were recorded"] += 1
        elif entry.epoch < epoch and before is not None:
            text = f"{entry.shard} has an entry of epoch {entry.epoch} after one of {epoch}"
            self._findings.add(Rule.EPOCHS, text, entry.task_id, before, entry)
        self._last[entry.shard] = entry
        self._epochs[entry.shard] = max(epoch, entry.epoch)

    def _finish(self) -> None:
        for lease in self._given.leases:
            last = self._last.get(lease.shard)
            seq = last.seq if last is not None else 0
            self._findings.looked_at["shards"] += 1
            if self._epochs.get(lease.shard, 0) > lease.epoch:
                text = f"{lease.shard} is owned under epoch {lease.epoch} and has entries of a newer one"
                self._findings.add(Rule.EPOCHS, text, "", *([last] if last is not None else []))
            if seq != lease.seq and not self._may_be_missing(lease.shard, lease.seq + 1):
                self._findings.add(Rule.EPOCHS, f"{lease.shard} ends at {seq}, and should at {lease.seq}")

    def _may_be_missing(self, shard: str, before: int) -> bool:
        """Whether everything up to the entry `before` this one may have been trimmed."""
        snapshot = self._given.snapshots.get(shard)
        return self._given.trimmed_until is not None and snapshot is not None and before - 1 <= snapshot.seq
