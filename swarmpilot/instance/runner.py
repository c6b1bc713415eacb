"""Runs pushes, at most `capacity` at once, and hands over a report for each that ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from swarmpilot.instance.ledger import Ledger
from swarmpilot.instance.pushes import Push
from swarmpilot.instance.reports import encode_report, error_result, failure_result
from swarmpilot.instance.work import TaskContext, Work

log = logging.getLogger("swarmpilot.instance")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    execution_ms: float
    result: object


CANCELLED = Outcome(0.0, error_result("the task was cancelled", "Cancelled"))


class Runner:
    """The running tasks of one instance; `report` is told each ending once."""

    def __init__(
        self, ledger: Ledger[Push], work: Work, model: str, instance_id: str, report: Callable[[str, bytes], None]
    ):
        self._ledger = ledger
        self._work = work
        self._model = model
        self._instance_id = instance_id
        self._report = report
        self._tasks: dict[str, asyncio.Task[Outcome]] = {}
        self._abandoned = False

    def start_what_can(self) -> None:
        """Start waiting pushes while there are places free."""
        for push in self._ledger.startable():
            task = asyncio.create_task(self._run(push))
            task.add_done_callback(partial(self._ran, push))
            self._tasks[push.key] = task

    def cancel(self, task_id: str) -> bool:
        """Stop every attempt of a task; each is reported as cancelled. False where none is held."""
        waiting, running = self._ledger.waiting_of(task_id), self._ledger.running_of(task_id)
        for push in waiting:
            self._end(push, CANCELLED)
        for push in running:
            self._tasks[push.key].cancel()
        return bool(waiting or running)

    def abandon(self) -> None:
        """Stop everything at once; nothing is reported any more."""
        self._abandoned = True
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, push: Push) -> Outcome:
        context = TaskContext(push.task_id, push.model_name or self._model, push.metadata, push.attempt)
        begun = time.perf_counter()
        result: object
        try:
            result = await self._work(push.task_input, context)
        except asyncio.CancelledError:
            # `cancel` is the only one to end a run this way, so it is an ending like any other.
            result = CANCELLED.result
        except Exception as failure:
            log.warning("task %s failed: %s: %s", push.task_id, type(failure).__name__, failure)
            log.debug("task %s failed here:", push.task_id, exc_info=True)
            result = failure_result(failure)
        return Outcome((time.perf_counter() - begun) * 1000.0, result)

    def _ran(self, push: Push, task: asyncio.Task[Outcome]) -> None:
        if self._abandoned:
            return
        del self._tasks[push.key]
        # A run that was cancelled before its first step had no chance to say so itself.
        self._end(push, CANCELLED if task.cancelled() else task.result())
        self.start_what_can()

    def _end(self, push: Push, outcome: Outcome) -> None:
        report = encode_report(push, self._instance_id, outcome.execution_ms, outcome.result)
        self._ledger.end(push.key, report)
        self._report(push.key, report)
