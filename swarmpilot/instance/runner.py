"""Runs pushes, at most `capacity` at once, and hands over a report for each that ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from swarmpilot.instance.ledger import Ledger
from swarmpilot.instance.pushes import Push, YieldRequest
from swarmpilot.instance.reports import (
    encode_report,
    encode_yield,
    error_result,
    failure_result,
    failure_text,
    yield_in,
)
from swarmpilot.instance.work import TaskContext, Work
from swarmpilot.instance.work.giving_way import Preemption
from swarmpilot.safe_points import encode_checkpoint, is_yield

log = logging.getLogger("swarmpilot.instance")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: its result or, where it has given way, its checkpoint as JSON text."""

    execution_ms: float
    result: object = None
    checkpoint: bytes = b""


@dataclass(frozen=True, slots=True)
class Noted:
    """The run has heard that it has to give way; while inside `section`, it cannot for at most `deferred_ms`."""

    section: str = ""
    deferred_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Yielded:
    """The run has given way, leaving `checkpoint` (JSON text)."""

    checkpoint: bytes
    execution_ms: float


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
        self._preemptions: dict[str, Preemption] = {}
        self._abandoned = False

    def start_what_can(self) -> None:
        """Start waiting pushes while there are places free."""
        for push in self._ledger.startable():
            self._preemptions[push.key] = Preemption(push.task_id, encode_checkpoint(push.checkpoint))
            task = asyncio.create_task(self._run(push, self._preemptions[push.key]))
            task.add_done_callback(partial(self._ran, push))
            self._tasks[push.key] = task

    def cancel(self, task_id: str, key: str | None) -> bool:
        """Stop the run with this key, without one every run of the task. False where none is held.

        Each is reported as cancelled.
        """
        waiting, running = self._held(task_id, key)
        for push in waiting:
            self._end(push, CANCELLED)
        for push in running:
            self._tasks[push.key].cancel()
        return bool(waiting or running)

    def preempt(self, task_id: str, key: str | None, request: YieldRequest) -> Noted | Yielded | None:
        """Ask the run with this key, without one every run of the task, to give way. None where none is held.

        One that has not begun gives way at once; one that has given way says again what it left.
        """
        waiting, running = self._held(task_id, key)
        asked = [self._preemptions[push.key].ask(request.reason, terminate=request.terminate) for push in running]
        for push in waiting:
            self._end(push, Outcome(0.0, checkpoint=encode_checkpoint(push.checkpoint)))
        if asked:
            return Noted(*max(asked, key=lambda deferring: deferring[1]))
        report = self._ledger.report_of(waiting[0].key if waiting else key or task_id)
        left = yield_in(report) if report else None
        return Yielded(*left) if left else None

    def abandon(self) -> None:
        """Stop everything at once; nothing is reported any more."""
        self._abandoned = True
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, push: Push, preemption: Preemption) -> Outcome:
        context = TaskContext(
            push.task_id,
            push.model_name or self._model,
            push.metadata,
            push.attempt,
            resumption=push.resumption,
            checkpoint=push.checkpoint,
            preemption=preemption,
        )
        begun = time.perf_counter()
        result: object
        try:
            result = await self._work(push.task_input, context)
        except asyncio.CancelledError:
            # `cancel` is the only one to end a run this way, so it is an ending like any other.
            result = CANCELLED.result
        except KeyboardInterrupt:
            raise  # the process is told to end
        except BaseException as failure:
            # SystemExit among them: it ends the task, not the instance and all that runs beside it.
            if is_yield(failure):
                return Outcome((time.perf_counter() - begun) * 1000.0, checkpoint=preemption.checkpoint)
            log.warning("task %s failed: %s: %s", push.task_id, type(failure).__name__, failure_text(failure))
            log.debug("task %s failed here:", push.task_id, exc_info=True)
            result = failure_result(failure)
        return Outcome((time.perf_counter() - begun) * 1000.0, result)

    def _ran(self, push: Push, task: asyncio.Task[Outcome]) -> None:
        if self._abandoned:
            return
        del self._tasks[push.key], self._preemptions[push.key]
        # A run that was cancelled before its first step had no chance to say so itself.
        self._end(push, CANCELLED if task.cancelled() else task.result())
        self.start_what_can()

    def _end(self, push: Push, outcome: Outcome) -> None:
        if outcome.checkpoint:
            report = encode_yield(push, self._instance_id, outcome.execution_ms, outcome.checkpoint)
        else:
            report = encode_report(push, self._instance_id, outcome.execution_ms, outcome.result)
        self._ledger.end(push.key, report)
        self._report(push.key, report)

    def _held(self, task_id: str, key: str | None) -> tuple[list[Push], list[Push]]:
        """What waits and what runs, of the run with this key or of the whole task."""
        waiting, running = self._ledger.waiting_of(task_id), self._ledger.running_of(task_id)
        return [push for push in waiting if key in (None, push.key)], [
            push for push in running if key in (None, push.key)
        ]
