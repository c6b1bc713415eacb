"""A line of waiting tasks: the most important first, and among equals the one with the smallest key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import TypeAlias

Rank: TypeAlias = tuple[int, float, str]
"""(-level of importance, key by the order of the line, task id): the smallest goes first."""


class WaitingLine:
    """A heap of ranks. A task that leaves from the middle stays in the heap, unseen, until it surfaces; one that has
    come back before that is there twice, with the same rank, and still counts once."""

    __slots__ = ("_heap", "_live")

    def __init__(self) -> None:
        self._heap: list[Rank] = []
        self._live: set[str] = set()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._live

    def __iter__(self) -> Iterator[str]:
        """The ids, in any order."""
        return iter(self._live)

    def push(self, rank: Rank) -> None:
        """Add a task."""
        self._live.add(rank[2])
        heappush(self._heap, rank)

    def discard(self, task_id: str) -> None:
        """Take a task out, wherever it stands; nothing happens where it is not in the line."""
        self._live.discard(task_id)
        if len(self._heap) > 64 + 2 * len(self._live):
            self._heap = list({rank for rank in self._heap if rank[2] in self._live})
            heapify(self._heap)

    def head(self) -> Rank | None:
        """The next task, which stays; None where the line is empty."""
        while self._heap:
            if self._heap[0][2] in self._live:
                return self._heap[0]
            heappop(self._heap)
        return None

    def first(self, accept: Callable[[str], bool]) -> Rank | None:
        """The first in line whose task id is accepted; each is offered once, and no more of the line than needed."""
        if not self._heap:
            return None
        at = [(self._heap[0], 0)]
        offered = ""
        while at:
            rank, index = heappop(at)
            if rank[2] in self._live and rank[2] != offered:
                offered = rank[2]
                if accept(offered):
                    return rank
            for child in (2 * index + 1, 2 * index + 2):
                if child < len(self._heap):
                    heappush(at, (self._heap[child], child))
        return None

    def pop(self) -> Rank | None:
        """The next task, which leaves; None where the line is empty."""
        rank = self.head()
        if rank is not None:
            heappop(self._heap)
            self._live.discard(rank[2])
        return rank
