"""`affinity`: tasks that belong together go to the same instance, unless that has more than its share.

For what an instance keeps from task to task (a session, the cache of a prompt's prefix, a checked-out repository).
Tasks with the same key share a ranking of the instances, which changes for no other key when one comes or goes
(rendezvous hashing: Thaler and Ravishankar, 1998; weighted by places), and go to the first in it that has not reached
its bound: 1.25 times the average load (consistent hashing with bounded loads: Mirrokni, Thorup, Zadimoghaddam, SODA
2018). A task without a key goes where least is.
"""

from __future__ import annotations

from math import ceil, inf, log

from actors.scheduler.strategies import least_loaded
from actors.scheduler.strategies.strategy import Strategy
from actors.scheduler.strategies.view import View

BALANCE = 1.25
"""How many times the average load an instance may have before tasks go elsewhere."""


def score(view: View) -> list[float]:
    """Less the earlier in the ranking of the task's key; infinity beyond the bound."""
    if not view.key:
        return least_loaded.score(view)
    tasks = 1 + sum(c.in_flight + c.waiting for c in view.candidates)
    places = sum(c.capacity for c in view.candidates)
    return [
        -log(share) / c.capacity if c.in_flight + c.waiting < ceil(BALANCE * tasks * c.capacity / places) else inf
        for c, share in zip(view.candidates, view.affinities(), strict=True)
    ]


AFFINITY = Strategy(
    "affinity",
    "Tasks of the same session, prefix or scope to the same instance, within 1.25 times the average load.",
    declines=True,
    sizes_tasks=True,
    score=score,
    unit="place in the ranking of its key (without a key: tasks a place)",
)
