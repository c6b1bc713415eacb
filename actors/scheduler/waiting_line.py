"""A line of waiting tasks: the most important first, and among equals the one with the smallest key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import TypeAlias

Rank: TypeAlias = tuple[int, float, str]
"""(-level of importance, key by the order of the line, task id): the smallest goes first."""


class WaitingLine:
    """A heap of ranks. A task that leaves from the middle stays in the heap, unseen, until it surfaces; one that has
    come back before that is there twice and still counts once, also where it is another task under the same id, which
    has the place of its own rank."""

    __slots__ = ("_heap", "_live")

    def __init__(self) -> None:
        self._heap: list[Rank] = []
        self._live: dict[str, Rank] = {}

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._live

    def __iter__(self) -> Iterator[str]:
        """The ids, in any order."""
        return iter(self._live)

    def push(self, rank: Rank) -> None:
        """Add a task."""
        self._live[rank[2]] = rank
        heappush(self._heap, rank)

    def discard(self, task_id: str) -> None:
        """Take a task out, wherever it stands; nothing happens where it is not in the line."""
        self._live.pop(task_id, None)
        if len(self._heap) > 64 + 2 * len(self._live):
            self._heap = list(self._live.values())
            heapify(self._heap)

    def head(self) -> Rank | None:
        """The next task, which stays; None where the line is empty."""
        while self._heap:
            if self._live.get(self._heap[0][2]) == self._heap[0]:
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
            if rank[2] != offered and self._live.get(rank[2]) == rank:
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
            del self._live[rank[2]]
        return rank
