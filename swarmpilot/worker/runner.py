"""Runs what a worker is given, each run once, at most `capacity` at a time, and makes the reports of their ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias, cast

import msgspec
from msgspec.structs import replace

from actors.messages.answers import YieldNoted
from actors.messages.dispatcher import Report, ReportYield
from actors.messages.wire import Codec
from actors.messages.worker import StartTask, StopTask, YieldTask
from swarmpilot.instance.ledger import Ledger, Taking
from swarmpilot.instance.pushes import digest_of
from swarmpilot.instance.reports import encode_result, error_result, failure_result, failure_text
from swarmpilot.safe_points import is_yield
from swarmpilot.worker.calling import Call
from swarmpilot.worker.run_state import RunState
from swarmpilot.worker.task import task_of

log = logging.getLogger("swarmpilot.worker")

MOST_RESULT_BYTES = 8 * 1024 * 1024
"""Larger results are reported as an error; the scheduler's own limit is a little above."""
STOP_S = 1.0
"""How long a stopped run has to end (s); one that has not, as a thread may, is abandoned and its place is free."""

Ending: TypeAlias = Report | ReportYield
Deliver: TypeAlias = Callable[[StartTask, Ending], None]

_ENDINGS: Codec[Ending] = Codec((Report, ReportYield))


class Run:
    """One stay of a task in this worker."""

    __slots__ = ("content", "is_stopped", "key", "start", "state", "task_id")

    def __init__(self, start: StartTask) -> None:
        self.start = start
        self.task_id = start.task_id
        self.key = key_of(start)
        # Not of the checkpoint: a repeat may come with a later one.
        what = (start.agent_id, start.model_name, start.content_type)
        self.content = digest_of(b"\n".join((*(text.encode() for text in what), start.metadata, start.input)))
        self.state = RunState(start)
        self.is_stopped = False


def key_of(message: StartTask | StopTask | YieldTask | Ending) -> str:
    """What makes it the same run."""
    return f"{message.task_id}:{message.attempt}.{message.resumption}"


class Runner:
    """`deliver` is told each ending, and again where a run that has ended is started again.

    `on_end` is called after each run that is over, reported or not.
    """

    def __init__(
        self,
        capacity: int,
        call: Call,
        worker_id: str,
        deliver: Deliver,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger: Ledger[Run] = Ledger(capacity)
        self._call = call
        self._worker_id = worker_id
        self._deliver = deliver
        self._on_end = on_end
        self._runs: dict[str, tuple[Run, asyncio.Task[Ending | None]]] = {}
        self._stopped: set[asyncio.Task[Ending | None]] = set()
        self._abandoned = False

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return self._ledger.running

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self._ledger.is_empty

    def runs(self) -> Iterable[Run]:
        """Those that are under way, and have not been stopped."""
        return [run for run, _ in self._runs.values() if not run.is_stopped]

    def knows(self, start: StartTask) -> bool:
        """Whether it has this run, or has had it."""
        return self._ledger.held(key_of(start)) is not None or self._ledger.has_ended(Run(start))

    def take(self, start: StartTask) -> None:
        """Run it, unless it runs already; one that has ended is reported again."""
        run = Run(start)
        taking = self._ledger.take(run)
        if taking is Taking.NEW:
            self._start_what_can()
        elif taking is Taking.ENDED and (report := self._ledger.report_of(run.key)):
            name, _, body = report.partition(b"\n")
            self._deliver(start, _ENDINGS.decode(name.decode(), body))

    def ask_to_yield(self, message: YieldTask) -> YieldNoted:
        """Let this run give way at its next safe point; one that has not begun does at once."""
        noted = YieldNoted(message.task_id, message.attempt, message.resumption, is_held=False)
        run = self._ledger.held(key_of(message))
        if run is None or run.is_stopped:
            return noted
        section, deferred_ms = run.state.request(message.reason, message.terminate)
        if run.key not in self._runs:
            self._end(run, self._yielded(run, 0.0))
            return replace(noted, is_held=True)
        deferred = f", once it has left section {section}" if section else ""
        log.info("task %s is asked to give way%s: %s", run.task_id, deferred, message.reason)
        return replace(noted, is_held=True, section=section, deferred_ms=deferred_ms)

    def stop(self, message: StopTask) -> bool:
        """Stop this run; nothing is reported of it. False where it is not held."""
        run = self._ledger.held(key_of(message))
        if run is None:
            return False
        if run.key not in self._runs:
            self._end(run, None)
            return True
        run.is_stopped = True
        run.state.cancelled.set()
        self._runs[run.key][1].cancel()
        asyncio.get_running_loop().call_later(STOP_S, self._give_up, run)
        return True

    def abandon(self) -> None:
        """Stop everything at once; nothing is reported any more."""
        self._abandoned = True
        for run, task in self._runs.values():
            run.state.cancelled.set()
            task.cancel()

    def _start_what_can(self) -> None:
        for run in self._ledger.startable():
            task = asyncio.create_task(self._run(run))
            task.add_done_callback(partial(self._ran, run))
            self._runs[run.key] = run, task

    async def _run(self, run: Run) -> Ending | None:
        begun = time.perf_counter()
        try:
            result = await self._call(task_of(run.start), run.state)
        except KeyboardInterrupt:
            raise  # the process is told to end
        except BaseException as failure:
            # SystemExit among them: it ends the task, not the worker and all that runs beside it.
            if run.is_stopped or self._abandoned:
                return None
            if is_yield(failure):
                return self._yielded(run, _ms_since(begun))
            log.warning("task %s failed: %s: %s", run.task_id, type(failure).__name__, failure_text(failure))
            log.debug("task %s failed here:", run.task_id, exc_info=True)
            result = failure_result(failure)
        return self._ended(run, _ms_since(begun), result)

    def _yielded(self, run: Run, execution_ms: float) -> ReportYield:
        log.info("task %s has given way: %s", run.task_id, run.state.preempt_reason)
        return ReportYield(
            task_id=run.task_id,
            attempt=run.start.attempt,
            resumption=run.start.resumption,
            agent_id=run.start.agent_id,
            instance_id=self._worker_id,
            execution_ms=execution_ms,
            checkpoint=run.state.checkpoint or b"{}",
        )

    def _ended(self, run: Run, execution_ms: float, result: object) -> Report:
        body = encode_result(result)
        if len(body) > MOST_RESULT_BYTES:
            text = f"the result has {len(body)} bytes, {MOST_RESULT_BYTES} are allowed"
            body = encode_result(error_result(text, "ResultTooLarge"))
        content = cast(object, msgspec.json.decode(body))
        return Report(
            task_id=run.task_id,
            attempt=run.start.attempt,
            resumption=run.start.resumption,
            agent_id=run.start.agent_id,
            instance_id=self._worker_id,
            execution_ms=execution_ms,
            result=body,
            is_error=isinstance(content, dict) and content.get("status") == "error",
        )

    def _ran(self, run: Run, task: asyncio.Task[Ending | None]) -> None:
        if self._abandoned or task in self._stopped:
            self._stopped.discard(task)
            return
        del self._runs[run.key]
        self._end(run, None if task.cancelled() or run.is_stopped else task.result())

    def _give_up(self, run: Run) -> None:
        """It was stopped, and has had its time."""
        if run.key in self._runs and not self._abandoned:
            log.warning("task %s does not end though it was stopped: abandoned", run.task_id)
            self._stopped.add(self._runs.pop(run.key)[1])
            self._end(run, None)

    def _end(self, run: Run, ending: Ending | None) -> None:
        self._ledger.end(run.key, b"" if ending is None else b"%b\n%b" % _encoded(ending))
        if ending is not None:
            self._deliver(run.start, ending)
        self._start_what_can()
        self._on_end()


def _ms_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000.0


def _encoded(ending: Ending) -> tuple[bytes, bytes]:
    name, body = _ENDINGS.encode(ending)
    return name.encode(), body
