"""What a worker's function gets beside its task: what it is asked, where it may give way, how it says how far it is.

The same names for both kinds of functions; only `safe_point` is awaited in the one and called in the other.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from swarmpilot.safe_points import RunYielded
from swarmpilot.sections import Section
from swarmpilot.worker.run_state import RunState


class _Context:
    """What both kinds have."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    @property
    def cancelled(self) -> threading.Event:
        """Set when the run no longer counts. An async function is cancelled as well; one in a thread polls it."""
        return self._state.cancelled

    @property
    def preempt_requested(self) -> bool:
        """Whether the task is asked to give way; its next safe point does it."""
        return self._state.preempt_requested

    @property
    def preempt_reason(self) -> str:
        """Why it is asked, "" where it is not."""
        return self._state.preempt_reason

    @property
    def terminate_requested(self) -> bool:
        """Whether it was asked for the last time: unless it gives way within the grace, it is stopped and fails."""
        return self._state.terminate_requested

    def section(self, name: str, max_ms: float) -> Section:
        """A part that is not to be interrupted, for `async with` or `with`; raises ValueError.

        A request to give way waits for its end, for at most `max_ms`. Safe points within do not end the run until then.
        """
        return self._state.sections.section(name, max_ms)

    def activity(
        self,
        *,
        description: str | None = None,
        branch: str | None = None,
        repo_id: str | None = None,
        worktree_id: str | None = None,
    ) -> None:
        """What the task is at, as its agent's activity buffer shows it; what is not given stays. Raises ValueError."""
        self._state.describe(description=description, branch=branch, repo_id=repo_id, worktree_id=worktree_id)

    def progress(self, fraction: float) -> None:
        """How far the task is, from 0 to 1. Raises ValueError."""
        self._state.note_progress(fraction)

    def _end_where_it_has_to(self) -> None:
        if self._state.has_to_end:
            raise RunYielded


class WorkerContext(_Context):
    """The context of an async function."""

    async def safe_point(self, checkpoint: dict[str, Any]) -> None:
        """Here the task could stop, and go on later with this as `task.checkpoint`; where it is asked to, it does.

        It then does not return: `finally` and `with` are seen to, and the function is called again when the task is
        resumed. Otherwise it costs microseconds. Raises TypeError where the checkpoint is no JSON object, ValueError
        where it is larger than 1 MiB.
        """
        self._state.remember(checkpoint)
        await asyncio.sleep(0)  # so that a request that has arrived is seen
        self._end_where_it_has_to()


class SyncWorkerContext(_Context):
    """The context of a function that runs in a thread."""

    def safe_point(self, checkpoint: dict[str, Any]) -> None:
        """The same as in an async function, without `await`."""
        self._state.remember(checkpoint)
        self._end_where_it_has_to()
