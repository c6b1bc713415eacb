"""How long to wait before trying again: doubling, bounded, and spread so that many do not try at once."""

from __future__ import annotations

_MOST_DOUBLINGS = 40


def exponential(tries: int, first_s: float, longest_s: float) -> float:
    """Seconds to wait after the `tries`-th failure (from 1): `first_s`, doubling, at most `longest_s`."""
    return min(longest_s, first_s * 2.0 ** min(max(tries, 1) - 1, _MOST_DOUBLINGS))


def spread(delay_s: float, chance: float) -> float:
    """The delay moved by up to a quarter either way, by a random number in [0, 1)."""
    return delay_s * (0.75 + 0.5 * chance)
