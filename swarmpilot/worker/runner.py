"""Runs the attempts that a worker is given, each once, at most `capacity` at a time, and makes their reports."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import msgspec

from actors.messages.dispatcher import Report
from actors.messages.worker import StartTask
from swarmpilot.instance.ledger import Ledger, Taking
from swarmpilot.instance.reports import encode_result, error_result, failure_result
from swarmpilot.worker.task import WorkerContext, task_of

log = logging.getLogger("swarmpilot.worker")

MOST_RESULT_BYTES = 8 * 1024 * 1024
"""Larger results are reported as an error; the scheduler's own limit is a little above."""

Deliver = Callable[[StartTask, Report], None]


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt that was given to this worker."""

    start: StartTask

    @property
    def key(self) -> str:
        """What makes it the same attempt."""
        return f"{self.start.task_id}:{self.start.attempt}"

    @property
    def task_id(self) -> str:
        """Its task."""
        return self.start.task_id


class Runner:
    """`deliver` is told each ending, and again where an ended attempt is started again."""

    def __init__(self, capacity: int, work: Callable[..., Any], worker_id: str, deliver: Deliver) -> None:
        self._ledger: Ledger[Run] = Ledger(capacity)
        self._work = work
        self._worker_id = worker_id
        self._deliver = deliver
        self._tasks: dict[str, asyncio.Task[Report | None]] = {}
        self._abandoned = False

    @property
    def running(self) -> int:
        """How many attempts run."""
        return self._ledger.running

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self._ledger.is_empty

    def take(self, start: StartTask) -> None:
        """Run it, unless it runs already; one that has ended is reported again."""
        run = Run(start)
        taking = self._ledger.take(run)
        if taking is Taking.NEW:
            self._start_what_can()
        elif taking is Taking.ENDED:
            report = self._ledger.report_of(run.key)
            if report:
                self._deliver(start, msgspec.json.decode(report, type=Report))

    def stop(self, task_id: str, attempt: int) -> bool:
        """Stop this attempt; nothing is reported of it. False where it is not held."""
        for run in self._ledger.waiting_of(task_id):
            if run.start.attempt == attempt:
                self._ledger.end(run.key, b"")
                return True
        for run in self._ledger.running_of(task_id):
            if run.start.attempt == attempt:
                self._tasks[run.key].cancel()
                return True
        return False

    def abandon(self) -> None:
        """Stop everything at once; nothing is reported any more."""
        self._abandoned = True
        for task in self._tasks.values():
            task.cancel()

    def _start_what_can(self) -> None:
        for run in self._ledger.startable():
            task = asyncio.create_task(self._run(run))
            task.add_done_callback(partial(self._ran, run))
            self._tasks[run.key] = task

    async def _run(self, run: Run) -> Report | None:
        begun = time.perf_counter()
        try:
            result = await self._work(task_of(run.start), WorkerContext())
        except asyncio.CancelledError:
            return None  # `stop` is the only one to end a run this way
        except Exception as failure:
            log.warning("task %s failed: %s: %s", run.task_id, type(failure).__name__, failure)
            log.debug("task %s failed here:", run.task_id, exc_info=True)
            result = failure_result(failure)
        return self._report(run.start, (time.perf_counter() - begun) * 1000.0, result)

    def _report(self, start: StartTask, execution_ms: float, result: object) -> Report:
        body = encode_result(result)
        if len(body) > MOST_RESULT_BYTES:
            text = f"the result has {len(body)} bytes, {MOST_RESULT_BYTES} are allowed"
            body = encode_result(error_result(text, "ResultTooLarge"))
        content = cast(object, msgspec.json.decode(body))
        is_error = isinstance(content, dict) and content.get("status") == "error"
        return Report(start.task_id, start.attempt, start.agent_id, self._worker_id, execution_ms, body, is_error)

    def _ran(self, run: Run, task: asyncio.Task[Report | None]) -> None:
        if self._abandoned:
            return
        del self._tasks[run.key]
        report = None if task.cancelled() else task.result()
        self._ledger.end(run.key, msgspec.json.encode(report) if report is not None else b"")
        if report is not None:
            self._deliver(run.start, report)
        self._start_what_can()
