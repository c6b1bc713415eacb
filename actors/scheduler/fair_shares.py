"""Equal shares for the clients of a line: start-time fair queueing (Goyal, Vin and Cheng, 1996).

A task's start tag is the virtual time, or the finish tag of its client's task before, if that is later; its finish tag
comes as much later as it is predicted to cost over its client's weight. The virtual time is the start tag of the task
that was started last, and while nothing waits it is no earlier than the real one. Clients with a backlog so get equal
shares of the work, and one that comes after a pause has no claim to what it did not use.
"""

from __future__ import annotations

from actors.deadlines import Deadlines


class FairShares:
    """Virtual time and finish tags, both in seconds. Clients whose tag the virtual time has passed are forgotten."""

    __slots__ = ("_finishes", "virtual", "waiting")

    def __init__(self, virtual: float = 0.0, waiting: int = 0, finishes: dict[str, float] | None = None) -> None:
        self.virtual, self.waiting = virtual, waiting
        self._finishes = Deadlines()
        for client, finish in (finishes or {}).items():
            self._finishes.set(client, finish)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember."""
        return not self.waiting and not len(self._finishes)

    @property
    def finishes(self) -> dict[str, float]:
        """The finish tags ahead of the virtual time, by client."""
        return dict(sorted(self._finishes.items()))

    def start_of(self, client: str, now: float) -> float:
        """The start tag of a task that this client's comes with now."""
        virtual = self.virtual if self.waiting else max(self.virtual, now)
        return max(virtual, self._finishes.due_of(client) or 0.0)

    def enter(self, client: str, finish: float, now: float) -> None:
        """A task with this finish tag waits from now on."""
        if not self.waiting:
            self._advance(now)
        self.waiting += 1
        self._finishes.set(client, finish)

    def start(self, tag: float, now: float) -> None:
        """A waiting task with this start tag is started."""
        self.waiting -= 1
        self._advance(max(tag, self.virtual) if self.waiting else max(tag, now))

    def leave(self) -> None:
        """A waiting task has ended without being started."""
        self.waiting -= 1

    def _advance(self, virtual: float) -> None:
        self.virtual = max(self.virtual, virtual)
        for client in self._finishes.due_by(self.virtual):
            self._finishes.cancel(client)
