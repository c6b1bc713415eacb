"""Which tasks overlap a scope: their ranks in a tree of segments, found in the time that the scope's own depth takes.

Only a `*` above a scope's end looks at all segments of its level, and so costs as much as there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from actors.messages.scopes import ANY, Path
from actors.scheduler.waiting_line import Rank


@dataclass(slots=True)
class _Node:
    """One segment. `here` are the ranks of the scopes that end with it, `within` these and all below; both sorted."""

    here: list[Rank] = field(default_factory=list)
    within: list[Rank] = field(default_factory=list)
    below: dict[str, _Node] = field(default_factory=dict)


class ScopeIndex:
    """Ranks by the paths of their scopes."""

    __slots__ = ("_paths", "_root")

    def __init__(self) -> None:
        self._root = _Node()
        self._paths: dict[Rank, tuple[Path, ...]] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, rank: Rank) -> bool:
        return rank in self._paths

    @property
    def is_bare(self) -> bool:
        """Whether nothing at all is kept, not even a segment."""
        return not (self._paths or self._root.within or self._root.here or self._root.below)

    def ranks(self) -> list[Rank]:
        """All of them, the first in line first."""
        return sorted(self._paths)

    def add(self, rank: Rank, paths: tuple[Path, ...]) -> None:
        """Put in a rank that is not there."""
        self._paths[rank] = paths
        for path in paths:
            node = self._root
            insort(node.within, rank)
            for segment in path:
                node = node.below.setdefault(segment, _Node())
                insort(node.within, rank)
            insort(node.here, rank)

    def discard(self, rank: Rank) -> None:
        """Take a rank out; nothing happens where it is not there."""
        for path in self._paths.pop(rank, ()):
            node = self._root
            _take_out(node.within, rank)
            for segment in path:
                above, node = node, node.below[segment]
                _take_out(node.within, rank)
                if not node.within:
                    del above.below[segment]
            _take_out(node.here, rank)

    def last(self, paths: tuple[Path, ...]) -> Rank | None:
        """The last of those that overlap."""
        return max((ranks[-1] for ranks in self._overlapping(paths) if ranks), default=None)

    def last_before(self, rank: Rank, paths: tuple[Path, ...]) -> Rank | None:
        """The last of those that overlap and come before this rank."""
        found: Rank | None = None
        for ranks in self._overlapping(paths):
            place = bisect_left(ranks, rank)
            if place and (found is None or ranks[place - 1] > found):
                found = ranks[place - 1]
        return found

    def all_after(self, rank: Rank, paths: tuple[Path, ...]) -> list[Rank]:
        """Those that overlap and come after this rank, in order."""
        return sorted({later for ranks in self._overlapping(paths) for later in ranks[bisect_right(ranks, rank) :]})

    def _overlapping(self, paths: tuple[Path, ...]) -> Iterator[list[Rank]]:
        """Every list of ranks that overlap: what ends above a path's end, and all at or below it."""
        for path in paths:
            level = [self._root]
            for segment in path:
                for node in level:
                    yield node.here
                level = [lower for node in level for lower in _matching(node, segment)]
            for node in level:
                yield node.within


def _matching(node: _Node, segment: str) -> list[_Node]:
    if segment == ANY:
        return list(node.below.values())
    return [node.below[name] for name in (segment, ANY) if name in node.below]


def _take_out(ranks: list[Rank], rank: Rank) -> None:
    del ranks[bisect_left(ranks, rank)]
