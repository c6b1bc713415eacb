"""The room in the agents' activity buffers: never more entries than an agent may have, nor than there may be in all.

All agents' tasks are admitted by, and settled with, the one scheduler. It therefore counts the entries of all shards
and processes exactly, and without a message of its own: what it tells an agent about a task says whether there is room
for its entry. Shares of the total per shard would refuse entries while there is room elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from actors.scheduler.waiting_line import WaitingLine

EVERYBODY = ""
"""Stands for all agents together where a limit is named by its agent."""

LOW_SHARE, EASED_SHARE = 0.8, 0.6
"""A buffer is nearly full above the first share of its limit, until it is down to the second: it warns once a crowd."""


class ActivityRoom:
    """How many entries each agent has, and which of its tasks go without until there is room, oldest first.

    `_blocked` are the agents that have tasks without an entry though they have room of their own, so that only the
    total keeps them out, with the arrival number of the oldest such task; `_oldest` is a heap of these pairs in which
    those that have changed stay, unseen, until they surface.
    """

    __slots__ = (
        "_blocked",
        "_entries",
        "_oldest",
        "_sum_without",
        "_without",
        "entries",
        "nearly_full",
        "per_agent",
        "refused",
        "total",
    )

    def __init__(self, per_agent: int, total: int) -> None:
        self.per_agent = per_agent
        self.total = total
        self._entries: dict[str, int] = {}
        self._without: dict[str, WaitingLine] = {}
        self._blocked: dict[str, float] = {}
        self._oldest: list[tuple[float, str]] = []
        self._sum_without = 0
        self.entries = 0
        self.refused = 0
        self.nearly_full: set[str] = set()

    @property
    def without(self) -> int:
        """How many tasks have no entry because there was no room."""
        return self._sum_without

    def limit(self, agent_id: str) -> int:
        """The most entries of this agent, or of EVERYBODY."""
        return self.total if agent_id == EVERYBODY else self.per_agent

    def entries_of(self, agent_id: str) -> int:
        """How many entries this agent has, or EVERYBODY."""
        return self.entries if agent_id == EVERYBODY else self._entries.get(agent_id, 0)

    def full_for(self, agent_id: str) -> str | None:
        """Whose limit keeps an entry of this agent out: its own, EVERYBODY's, or None where there is room."""
        full = (name for name in (agent_id, EVERYBODY) if self.entries_of(name) >= self.limit(name))
        return next(full, None)

    def is_crowded(self, agent_id: str) -> bool:
        """Whether anything is nearly full with one more entry of this agent; asked for every task, so it is cheap."""
        own = self._entries.get(agent_id, 0)
        return own >= LOW_SHARE * self.per_agent - 1 or self.entries >= LOW_SHARE * self.total - 1

    def newly_low(self, agent_id: str) -> Iterator[str]:
        """Whose buffer becomes nearly full by one more entry of this agent."""
        for name in (agent_id, EVERYBODY):
            if name not in self.nearly_full and self.entries_of(name) + 1 > LOW_SHARE * self.limit(name):
                yield name

    def newly_eased(self, agent_id: str) -> Iterator[str]:
        """Whose buffer is no longer nearly full when this agent has one entry less."""
        for name in (agent_id, EVERYBODY):
            if name in self.nearly_full and self.entries_of(name) - 1 <= EASED_SHARE * self.limit(name):
                yield name

    def next_without(self) -> str | None:
        """The task that gets an entry now: the oldest that has none and for which there is room."""
        if self.entries >= self.total:
            return None
        while self._oldest:
            arrival, agent_id = self._oldest[0]
            if self._blocked.get(agent_id) == arrival:
                head = self._without[agent_id].head()
                return None if head is None else head[2]
            heappop(self._oldest)
        return None

    def take(self, agent_id: str) -> None:
        """A task of this agent has an entry from now on."""
        self._entries[agent_id] = self._entries.get(agent_id, 0) + 1
        self.entries += 1
        if agent_id in self._blocked:
            self._note_blocked(agent_id)

    def free(self, agent_id: str) -> None:
        """An entry of this agent is gone."""
        left = self._entries[agent_id] - 1
        if left:
            self._entries[agent_id] = left
        else:
            del self._entries[agent_id]
        self.entries -= 1
        if agent_id in self._without:
            self._note_blocked(agent_id)

    def wait(self, agent_id: str, task_id: str, arrival: int) -> None:
        """A task of this agent goes without until there is room."""
        self._without.setdefault(agent_id, WaitingLine()).push((0, arrival, task_id))
        self._sum_without += 1
        self._note_blocked(agent_id)

    def leave(self, agent_id: str, task_id: str) -> None:
        """A task that went without has ended, or gets its entry."""
        line = self._without[agent_id]
        line.discard(task_id)
        self._sum_without -= 1
        if not line:
            del self._without[agent_id]
        self._note_blocked(agent_id)

    def _note_blocked(self, agent_id: str) -> None:
        line = self._without.get(agent_id)
        head = line.head() if line is not None else None
        if head is None or self.entries_of(agent_id) >= self.per_agent:
            self._blocked.pop(agent_id, None)
        elif self._blocked.get(agent_id) != head[1]:
            self._blocked[agent_id] = head[1]
            heappush(self._oldest, (head[1], agent_id))
            self._tidy()

    def _tidy(self) -> None:
        if len(self._oldest) > 64 + 2 * len(self._blocked):
            self._oldest = [(arrival, agent_id) for agent_id, arrival in self._blocked.items()]
            heapify(self._oldest)
