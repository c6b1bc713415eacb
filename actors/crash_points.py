"""Named moments at which a process can be made to die, as kill -9 would end it: what a restart finds is then tested.

Nothing is armed unless the setting `crash_at` names a point; reaching one costs a call and a comparison. At the armed
one the process ends without another instruction: no handler runs, nothing is flushed. Where the point is reached in a
thread (a commit that is being written), the event loop runs on for a moment first: what it lets out too early gets out.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final, Literal, TypeAlias, get_args

CrashPoint: TypeAlias = Literal[
    "start.opened",
    "start.leased",
    "start.loaded",
    "start.declared",
    "request.before",
    "request.after",
    "turn.taken",
    "commit.before",
    "commit.fenced",
    "commit.written",
    "commit.after",
    "ack.before",
    "ack.after",
    "settle.after",
    "reply.before",
    "reply.after",
    "publish.before",
    "publish.after",
    "mark.before",
    "mark.after",
    "errand.begun",
    "errand.outcome",
    "snapshot.before",
    "snapshot.written",
    "snapshot.after",
    "stop.drained",
]

POINTS: Final = get_args(CrashPoint)

CRASHED: Final = 86
"""The exit code of a process that died at a crash point."""


LINGER_S: Final = 0.05
"""How long the rest of the process outlives a thread that has come to its end (s)."""


class _Armed:
    """The point to die at, and how often it is still to be passed before."""

    name = ""
    left = 0


def reach(point: CrashPoint) -> None:
    """The process has come to this point; it dies here if that was asked for."""
    if point == _Armed.name:
        _Armed.left -= 1
        if _Armed.left <= 0:
            if threading.current_thread() is not threading.main_thread():
                time.sleep(LINGER_S)
            os._exit(CRASHED)


def arm(spec: str) -> None:
    """Die at `NAME`, or at its n-th time with `NAME:n`. Raises ValueError."""
    _Armed.name, _Armed.left = parse(spec)


def parse(spec: str) -> tuple[str, int]:
    """The point and the count of a specification. Raises ValueError."""
    name, colon, count = spec.partition(":")
    if name not in POINTS:
        raise ValueError(f"must be NAME or NAME:N with one of the points {', '.join(POINTS)}; got {name!r}")
    if colon and (not count.isdecimal() or int(count) < 1):
        raise ValueError(f"the N of NAME:N must be a whole number from 1; got {count!r}")
    return name, int(count) if colon else 1
