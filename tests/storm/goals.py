"""Which of the goals of recovery were reached, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tests.storm.choices import LEASE_S
from tests.storm.recovery import Recovery

BACK_S = 2.0
TAKEN_S = 10.0
OURS = ("service", "gateway", "scheduler", "agents", "dispatchers", "worker", "instance")
"""RabbitMQ and PostgreSQL start in their own time."""


def goals(felt: Sequence[Recovery]) -> list[str]:
    """A line for each goal that could have been missed."""
    ours = [r for r in felt if r.what.startswith("kill -9") and r.what.split()[-1] in OURS]
    killed = [r.first for r in ours]
    ended = [r.last for r in ours if r.last is not None]
    dead = [r.taken for r in ours if r.taken is not None]
    stopped = [r.taken for r in felt if r.what.startswith("SIGSTOP") and r.taken is not None]
    judged = [
        ("after kill -9 of one of our processes tasks end again", BACK_S, killed),
        ("all tasks submitted within a second of such a kill had ended", BACK_S, ended),
        ("others have the shards of a process that was killed", LEASE_S, dead),
        ("others have the shards of a process that was stopped", TAKEN_S, stopped),
    ]
    return [_line(what, limit, values) for what, limit, values in judged if values]


def _line(what: str, limit: float, values: Sequence[float]) -> str:
    kept = sum(value <= limit for value in values)
    return f"{what} within {limit:g} s: {kept} of {len(values)}, longest {max(values):.2f} s"
