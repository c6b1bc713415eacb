"""Ends tasks that run in the background, for certain."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.5


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel these until they have ended, in whatever way.

    A cancellation can be lost: `asyncio.wait_for` before Python 3.12, of which drivers are full, forgets one that comes
    in the moment in which what it waits for is there, and aiormq takes some for its own.
    """
    given = [task for task in tasks if task is not None]
    left = {task for task in given if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    for task in given:
        if not task.cancelled():
            task.exception()  # it was seen
