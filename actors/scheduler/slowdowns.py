"""How well each client of a line has been served, so that whoever was served better than most can let others go first.

A client's slowdown is the latency of its tasks over the time that they were predicted to take, its weight taken into
account. What waits counts with the latency that it was given when it came, until it is started. Late times count less
and less the longer ago they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp

from actors.deadlines import Deadlines

MEMORY_S = 30 * 86_400.0
"""After so long a time counts 1/e of what it did; a client that stayed away for so long is forgotten."""

MOST_CLIENTS = 10_000
"""Of more clients those are forgotten that have stayed away for longest."""

WORST = 4.0
"""A client counts with no more than this in the mean of all: one that floods the line does not make all others wait."""


@dataclass(frozen=True, slots=True)
class Served:
    """Latency of a client's started tasks and what they were entitled to (s), as of `at` (Unix seconds).

    `promised_s` and `due_s` are the same of those that wait.
    """

    at: float
    latency_s: float = 0.0
    entitled_s: float = 0.0
    promised_s: float = 0.0
    due_s: float = 0.0

    @property
    def slowdown(self) -> float:
        """As it counts in the mean of all."""
        entitled_s = self.entitled_s + self.due_s
        return min((self.latency_s + self.promised_s) / entitled_s, WORST) if entitled_s > 0.0 else 1.0

    def as_of(self, now: float) -> Served:
        """What is left of it at this time, which may be earlier where a clock went back."""
        fades = exp(-max(now - self.at, 0.0) / MEMORY_S)
        return replace(self, at=max(now, self.at), latency_s=self.latency_s * fades, entitled_s=self.entitled_s * fades)


class Slowdowns:
    """The slowdown of each client, and their mean."""

    __slots__ = ("_seen", "clients", "total")

    def __init__(self, total: float = 0.0, clients: dict[str, Served] | None = None) -> None:
        self.total = total
        self.clients = dict(clients or {})
        self._seen = Deadlines()
        for client, served in self.clients.items():
            self._seen.set(client, served.at)

    @property
    def mean(self) -> float:
        """Of all clients; 1 where there are none."""
        return self.total / len(self.clients) if self.clients else 1.0

    def to_spare(self, client: str, entitled_s: float, now: float) -> float:
        """Latency (s) with which a task that comes now would bring its client to the mean; below 0 where none would."""
        known = self.clients.get(client, Served(now)).as_of(now)
        entitled_s += known.entitled_s + known.due_s
        return self.mean * entitled_s - known.latency_s - known.promised_s

    def enter(self, client: str, entitled_s: float, promised_s: float, now: float) -> None:
        """A task of the client begins to wait, and counts with the latency that it is promised."""
        known = self.clients.get(client, Served(now)).as_of(now)
        due_s = known.due_s + entitled_s
        self._set(client, replace(known, promised_s=known.promised_s + promised_s, due_s=due_s))
        for gone in self._seen.due_by(now - MEMORY_S):
            self._forget(gone)
        if len(self.clients) > MOST_CLIENTS:
            self._forget(self._seen.due_by(self._seen.earliest() or now)[0])

    def start(self, client: str, entitled_s: float, promised_s: float, latency_s: float) -> None:
        """The task is started, and counts with its true latency; not where its client was forgotten meanwhile."""
        if client in self.clients:
            self.leave(client, entitled_s, promised_s)
            known = self.clients[client]
            latency_s += known.latency_s
            self._set(client, replace(known, latency_s=latency_s, entitled_s=known.entitled_s + entitled_s))

    def leave(self, client: str, entitled_s: float, promised_s: float) -> None:
        """The task has ended without being started, and counts no more."""
        known = self.clients.get(client)
        if known is not None:
            due_s = max(known.due_s - entitled_s, 0.0)
            self._set(client, replace(known, promised_s=max(known.promised_s - promised_s, 0.0), due_s=due_s))

    def _set(self, client: str, served: Served) -> None:
        former = self.clients.get(client)
        self.total += served.slowdown - (former.slowdown if former is not None else 0.0)
        self.clients[client] = served
        self._seen.set(client, served.at)

    def _forget(self, client: str) -> None:
        self.total -= self.clients.pop(client).slowdown
        self._seen.cancel(client)
