"""Deadlines by key, with the earliest at hand: the pure structure behind every timeout, retry and delay."""

from __future__ import annotations

from heapq import heappop, heappush


class Deadlines:
    """A due time (Unix seconds) per key; setting a key again replaces its time.

    Replaced and cancelled entries stay in the heap until they surface or outnumber the live ones.
    """

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def set(self, key: str, due: float) -> None:
        """Make `key` due at this time, whatever it was before."""
        self._due[key] = due
        heappush(self._heap, (due, key))
        if len(self._heap) > 64 + 2 * len(self._due):
            self._heap = sorted((due, key) for key, due in self._due.items())

    def cancel(self, key: str) -> None:
        """Forget `key`; nothing happens where it is not there."""
        self._due.pop(key, None)

    def due_of(self, key: str) -> float | None:
        """When `key` is due; None where it is not there."""
        return self._due.get(key)

    def earliest(self) -> float | None:
        """The next due time, None where nothing is due ever."""
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heappop(self._heap)
        return None

    def due_by(self, now: float) -> list[str]:
        """The keys due at or before `now`, earliest first. They stay until they are set anew or cancelled."""
        found: list[tuple[float, str]] = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heappop(self._heap)
            if self._due.get(key) == due and (not found or found[-1] != (due, key)):
                found.append((due, key))
        for entry in found:
            heappush(self._heap, entry)
        return [key for _, key in found]

    def items(self) -> list[tuple[str, float]]:
        """All keys with their times, for snapshots."""
        return list(self._due.items())
