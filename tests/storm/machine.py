"""How busy the machine is with other things: figures of time mean little without that."""

from __future__ import annotations

import os
import time
from pathlib import Path


def busy_share(seconds: float) -> float:
    """The share of all processors that is in use for so long; 0 where the machine does not tell. Blocks."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    if before is None or after is None or after[1] == before[1]:
        return 0.0
    return (after[0] - before[0]) / (after[1] - before[1])


def processors() -> int:
    """How many there are."""
    return os.cpu_count() or 1


def _ticks() -> tuple[int, int] | None:
    """Busy ones and all since the start. Source: proc_stat(5), where the 4th and 5th are idle and waiting for disks."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    ticks = [int(text) for text in stat.read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
