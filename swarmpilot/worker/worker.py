"""The life of a worker: connect, attach, run tasks, reconnect as often as needed, detach, finish what is held."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar, assert_never

from actors.addresses import SCHEDULER
from actors.messages import Answer
from actors.messages.answers import InstanceRemoval, Refused, TaskStopped, TaskTaken, WorkerAlive, WorkerAttached
from actors.messages.dispatcher import Report
from actors.messages.scheduler import AttachWorker, DetachWorker
from actors.messages.worker import PingWorker, StartTask, StopTask, WorkerMessage
from swarmpilot.backoff import delays
from swarmpilot.instance.signals import run_until_stopped
from swarmpilot.instance.work.call import as_work
from swarmpilot.worker.conversation import Conversation, Disconnected, Transport
from swarmpilot.worker.reporter import Reporter
from swarmpilot.worker.runner import Runner
from swarmpilot.worker.websocket import WebSocketTransport

log = logging.getLogger("swarmpilot.worker")

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:8102"
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 2.0
"""Pauses between attempts to connect (s). Short, so that a restarted scheduler does not give the worker up."""
QUIET_S = 60.0
"""An attached worker is pinged every few seconds; one that hears nothing for so long (s) is known no more, and attaches
again."""
LATE_START_S = 0.25
"""A task that was bound before the worker detached may still be on its way (s); it is run rather than sent back."""


def _transport(url: str, amqp: str | None, worker_id: str) -> Transport:
    if amqp is None:
        return WebSocketTransport(url, worker_id)
    from swarmpilot.worker.amqp import AmqpTransport

    return AmqpTransport(amqp, worker_id)


class Worker:
    """Runs the tasks of the agent `agent_id`, at most `capacity` at once.

        worker = Worker("worker-1")

        @worker.task
        async def run(task, ctx):
            return {"answer": task.input["question"].upper()}

        worker.run()

    The function takes the task, and the context if it wants one; a synchronous one runs in a thread. What it
    returns becomes the task's result, what it raises an error. It connects to the scheduler at `url`, or, with `amqp`,
    to the RabbitMQ of a scheduler that has one. `worker_id` is the name of this worker among all; without one it is new
    each time. Raises ValueError.
    """

    def __init__(
        self,
        agent_id: str,
        *,
        capacity: int = 1,
        url: str = DEFAULT_URL,
        amqp: str | None = None,
        worker_id: str | None = None,
        drain_timeout_s: float = 300.0,
    ) -> None:
        if not agent_id:
            raise ValueError("agent_id must not be empty")
        if not 1 <= capacity <= 10_000:
            raise ValueError(f"capacity must be from 1 to 10000, got {capacity}")
        self.agent_id = agent_id
        self.capacity = capacity
        self.worker_id = worker_id or f"{agent_id[:80]}-{uuid.uuid4().hex[:12]}"
        self.ti_uuid = ""
        self._transport = _transport(url, amqp, self.worker_id)
        self._drain_timeout_s = drain_timeout_s
        self._incarnation = uuid.uuid4().hex
        self._started_at = time.monotonic()
        self._function: Callable[..., Any] | None = None
        self._takes_tasks = True
        self._is_leaving = False
        self._progress = asyncio.Event()
        self._attached = asyncio.Event()
        self._conversation: Conversation | None = None

    def task(self, function: F) -> F:
        """Run tasks with this function: `f(task)` or `f(task, ctx)`, sync or async. Raises ValueError."""
        as_work(function, 1)
        self._function = function
        return function

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, finish what is held, and return 0.

        Where that takes longer than `drain_timeout_s`, or at a second signal, the process exits with code 1.
        """
        return run_until_stopped(self)

    async def serve(self) -> None:
        """Serve until cancelled; what is held then is abandoned."""
        await self.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def start(self) -> None:
        """Connect in the background, and stay connected. Raises ValueError where there is no function to run."""
        if self._function is None:
            raise ValueError("a worker needs a function: decorate one with @worker.task")
        self._reporter = Reporter(self._progress.set)
        self._runner = Runner(self.capacity, as_work(self._function, self.capacity), self.worker_id, self._report)
        self._connecting = asyncio.create_task(self._stay_attached())

    async def attached(self) -> str:
        """Wait until the scheduler has taken the worker; its ti_uuid."""
        await self._attached.wait()
        return self.ti_uuid

    async def drain(self) -> bool:
        """Detach and finish what is held, reports included. False where the time was not enough."""
        self._is_leaving = True
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                if self._conversation is not None:
                    await self._detach(self._conversation)
                await self._until_idle()
                await asyncio.sleep(LATE_START_S)
                self._takes_tasks = False
                await self._until_idle()
        except TimeoutError:
            log.error("stopping with %s left after %.0f s", self._held(), self._drain_timeout_s)
            return False
        return True

    async def close(self) -> None:
        """Stop at once; what is held is abandoned."""
        self._takes_tasks = False
        self._connecting.cancel()
        self._runner.abandon()
        await self._reporter.close()
        await asyncio.wait({self._connecting})

    async def _stay_attached(self) -> None:
        waits, last = delays(FIRST_DELAY_S, LONGEST_DELAY_S), ""
        while True:
            reason = ""
            try:
                async with self._transport.connected(self._handle) as conversation:
                    await self._attach(conversation)
                    waits, last = delays(FIRST_DELAY_S, LONGEST_DELAY_S), ""
                    reason = await conversation.over(QUIET_S)
            except Disconnected as failure:
                reason = str(failure)
            except Exception as failure:
                # Connected again is the one thing to become, whatever it was.
                log.exception("a connection ended as nobody foresaw")
                reason = f"{type(failure).__name__}: {failure}"
            self._conversation = None
            self._reporter.disconnect()
            self._attached.clear()
            if reason != last:
                log.warning("not attached, connecting again: %s", reason)
                last = reason
            await asyncio.sleep(next(waits))

    async def _attach(self, conversation: Conversation) -> None:
        request = AttachWorker("", self.worker_id, self.agent_id, self.capacity, self._incarnation)
        answer = await conversation.ask(SCHEDULER, request)
        if not isinstance(answer, WorkerAttached):
            raise Disconnected(f"not attached: {answer.reason if isinstance(answer, Refused) else answer}")
        self.ti_uuid = answer.ti_uuid
        self._conversation = conversation
        self._reporter.connect(conversation)
        self._attached.set()
        log.info("attached to %s as worker %s of agent %s", self._transport, self.worker_id, self.agent_id)
        if self.capacity > answer.slots:
            log.warning("agent %s runs %d at once (setting agents: slots)", self.agent_id, answer.slots)
        if self._is_leaving:
            await self._detach(conversation)

    async def _detach(self, conversation: Conversation) -> None:
        """Where it cannot be told now, it is told after the next connection, if there is still something to finish."""
        try:
            answer = await conversation.ask(SCHEDULER, DetachWorker(self.worker_id))
        except Disconnected as failure:
            log.warning("not detached: %s", failure)
            return
        if isinstance(answer, InstanceRemoval):
            log.info("detached, finishing %s", self._held())

    def _handle(self, message: WorkerMessage) -> Answer:
        match message:
            case StartTask():
                if not self._takes_tasks:
                    return Refused("shutting_down", "the worker is leaving")
                self._runner.take(message)
                return TaskTaken(message.task_id, message.attempt)
            case StopTask():
                was_held = self._runner.stop(message.task_id, message.attempt)
                return TaskStopped(message.task_id, message.attempt, was_held)
            case PingWorker():
                return WorkerAlive(time.monotonic() - self._started_at, self._runner.running)
            case _:
                assert_never(message)

    def _report(self, start: StartTask, report: Report) -> None:
        self._reporter.report(start, report)
        self._progress.set()

    async def _until_idle(self) -> None:
        while not self._runner.is_idle or self._reporter.pending:
            self._progress.clear()
            await self._progress.wait()

    def _held(self) -> str:
        return f"{self._runner.running} running, {self._reporter.pending} reports to deliver"
