"""How often a process of the service looks for cycles of garbage: nearly everything in it is freed by its count."""

from __future__ import annotations

import gc

AT_ONCE, OLDER, OLDEST = 20_000, 20, 50
"""Looked at after so many new objects; then those that stayed, and all, after so many of such looks."""


def collect_rarely() -> None:
    """To be called before the service is loaded: looking as often as Python does takes a tenth of the start."""
    gc.set_threshold(AT_ONCE, OLDER, OLDEST)


def leave_out_what_there_is() -> None:
    """What is loaded and rebuilt by now stays, and is looked at no more."""
    gc.collect()
    gc.freeze()
