"""Turns: who is next, where each is to get a given share, spread out as evenly as can be.

Smooth weighted round robin, as nginx has it (I. Sysoev's load balancer, 2012): with each task, everybody's turn grows
by their weight, and that of who gets it falls by the weights of all. With weights 5, 1, 1 the order is a a b a c a a.
As turns are kept by instance, a newcomer begins with nothing owed either way, and whoever leaves takes what it is owed
along: the shares of all others stay even.
"""

from __future__ import annotations

from collections.abc import Sequence


def next_turns(turns: Sequence[float], weights: Sequence[float], chosen: int | None) -> list[float]:
    """The turns after a task; `chosen` got it, None: somebody else did."""
    grown = [turn + weight for turn, weight in zip(turns, weights, strict=True)]
    if chosen is not None:
        grown[chosen] -= sum(weights)
    return grown
