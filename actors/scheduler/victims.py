"""Running tasks that may be made to give way: the least important first, then the one with least sunk work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

EVERYWHERE = ""
"""The group of all of them."""


class Victims:
    """Tasks in groups (a pool's, an agent's), by their priority."""

    __slots__ = ("_groups", "_of")

    def __init__(self) -> None:
        self._groups: dict[str, dict[int, dict[str, float]]] = {}
        self._of: dict[str, tuple[int, tuple[str, ...]]] = {}

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._of

    def __len__(self) -> int:
        return len(self._of)

    def add(self, task_id: str, priority: int, since: float, groups: Sequence[str]) -> None:
        """A task of these groups, which has run since then (Unix seconds)."""
        self._of[task_id] = (priority, (EVERYWHERE, *groups))
        for group in (EVERYWHERE, *groups):
            self._groups.setdefault(group, {}).setdefault(priority, {})[task_id] = since

    def discard(self, task_id: str) -> None:
        """A task that may not be chosen any more; nothing happens where it could not be."""
        known = self._of.pop(task_id, None)
        if known is None:
            return
        priority, groups = known
        for group in groups:
            levels = self._groups[group]
            del levels[priority][task_id]
            if not levels[priority]:
                del levels[priority]
                if not levels:
                    del self._groups[group]

    def has_below(self, priority: int, group: str = EVERYWHERE) -> bool:
        """Whether one of the group is less important than this."""
        levels = self._groups.get(group)
        return levels is not None and min(levels) < priority

    def choose(self, priority: int, group: str, accept: Callable[[str], bool] | None = None) -> str | None:
        """The accepted one of the group to give way to a task of this priority, None where none is less important."""
        levels = self._groups.get(group, {})
        for level in [min(levels)] if levels and accept is None else sorted(levels):
            able = levels[level] if accept is None else [task_id for task_id in levels[level] if accept(task_id)]
            if level < priority and able:
                return max(able, key=lambda task_id: (levels[level][task_id], task_id))
        return None
