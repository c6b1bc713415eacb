"""A fair line: equal shares of the work for clients that have a backlog, and slowdowns that are much alike for all.

A task's key is its start tag (`fair_shares`), which is what shares are made of, set back by `PATIENCE` times what it is
predicted to cost, since waiting a minute is long for a task of a second and nothing for one of an hour; and by up to
`GRACE` times as much again where its client has been served better than the mean of all (`slowdowns`). So whoever
comes with a burst is let through by those that had it better so far, but never at the cost of their shares.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.scheduler.fair_shares import FairShares
from actors.scheduler.slowdowns import Slowdowns

PATIENCE = 20.0
GRACE = 100.0


@dataclass(frozen=True, slots=True)
class ShareUse:
    """What a task takes of its client's share: `entitled_s` is its predicted cost (s) over the client's weight.

    `spared_s` is what its client had to spare, and `tag` its start tag (s, on the clock of `admitted_at`). `level`
    tells the lines of a model apart.
    """

    client: str
    admitted_at: float
    tag: float
    cost_s: float
    entitled_s: float
    spared_s: float
    level: int = 0

    @property
    def key(self) -> float:
        """Its place in the line; the smallest goes first."""
        return self.tag + PATIENCE * self.entitled_s + self.spared_s

    @property
    def promised_s(self) -> float:
        """The latency that it counts with in its client's slowdown until it is started."""
        return max(self.spared_s, self.cost_s)


class FairLine:
    """The shares and the slowdowns of the clients of one line."""

    __slots__ = ("shares", "slowdowns")

    def __init__(self, shares: FairShares | None = None, slowdowns: Slowdowns | None = None) -> None:
        self.shares = shares or FairShares()
        self.slowdowns = slowdowns or Slowdowns()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember: one client alone is served as well as all."""
        return self.shares.is_idle and len(self.slowdowns.clients) < 2

    def use_of(self, client: str, cost_s: float, weight: float, now: float) -> ShareUse:
        """What a task of this client takes that comes now."""
        entitled_s = cost_s / weight
        spared_s = min(max(self.slowdowns.to_spare(client, entitled_s, now), 0.0), GRACE * entitled_s)
        return ShareUse(client, now, self.shares.start_of(client, now), cost_s, entitled_s, spared_s)

    def enter(self, use: ShareUse) -> None:
        """The task waits from now on."""
        self.shares.enter(use.client, use.tag + use.entitled_s, use.admitted_at)
        self.slowdowns.enter(use.client, use.entitled_s, use.promised_s, use.admitted_at)

    def start(self, use: ShareUse, now: float) -> None:
        """The task is started."""
        self.shares.start(use.tag, now)
        latency_s = max(now - use.admitted_at, 0.0) + use.cost_s
        self.slowdowns.start(use.client, use.entitled_s, use.promised_s, latency_s)

    def leave(self, use: ShareUse) -> None:
        """The task has ended without being started: its share is used, but it was not served."""
        self.shares.leave()
        self.slowdowns.leave(use.client, use.entitled_s, use.promised_s)
