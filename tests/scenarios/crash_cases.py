"""At which points which deployments are killed, and how often a point is passed before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actors.crash_points import POINTS, CrashPoint

DEPLOYMENTS = ("embedded", "rabbitmq", "postgres")
"""In process with SQLite, over RabbitMQ with SQLite, over RabbitMQ with PostgreSQL."""

OUT_OF_REACH: dict[str, frozenset[CrashPoint]] = {
    "embedded": frozenset({"ack.before", "ack.after"}),
    "postgres": frozenset({"commit.fenced", "commit.written"}),
}
"""Nothing is acknowledged where there is no broker; and inside PostgreSQL there is no line of ours."""

ON_THE_WAY_UP: frozenset[CrashPoint] = frozenset({"start.opened", "start.leased", "start.loaded", "start.declared"})
"""There is something to lose only once another process has died before."""

TIMES: dict[CrashPoint, int] = {
    "stop.drained": 1,
    "snapshot.before": 1,
    "snapshot.written": 1,
    "snapshot.after": 1,
    "mark.before": 4,
    "mark.after": 4,
}
SOME = 12
"""How often any other point is passed, so that tasks are in all states."""


@dataclass(frozen=True)
class Case:
    """A deployment whose processes die one after the other, each at one point, but for the last."""

    deployment: str
    deaths: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    tasks: int = 8
    """Of each client."""

    def __str__(self) -> str:
        way = () if self.settings.get("hand_over", True) else ("sent",)
        return "-".join((self.deployment, *way, *(death.replace(":", "-") for death in self.deaths)))


def cases() -> list[Case]:
    """All points in all deployments that reach them."""
    return [
        _case(deployment, point, hand_over=hand_over)
        for deployment in DEPLOYMENTS
        for point in POINTS
        if point not in OUT_OF_REACH.get(deployment, ())
        for hand_over in _ways(deployment, point)
    ]


def _ways(deployment: str, point: CrashPoint) -> tuple[bool, ...]:
    """Whether actors hand messages over to each other, or send them over the broker.

    Without a broker nothing is published but what is not handed over; with one, events are.
    """
    if not point.startswith(("publish", "mark", "ack", "settle", "commit.after")):
        return (True,)
    return (False,) if deployment == "embedded" else (True, False)


def _case(deployment: str, point: CrashPoint, *, hand_over: bool) -> Case:
    first = ("commit.after:9",) if point in ON_THE_WAY_UP else ()
    times = 1 if first else TIMES.get(point, SOME)
    # A snapshot is taken after a hundred entries of a journal.
    tasks = 25 if point.startswith("snapshot") else 8
    return Case(deployment, (*first, f"{point}:{times}"), {} if hand_over else {"hand_over": False}, tasks)
