"""The life of a worker: connect, attach, run tasks, reconnect as often as needed, detach, finish what is held."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar, assert_never

from actors.messages import Answer
from actors.messages.answers import Refused, TaskStopped, TaskTaken, WorkerAlive, WorkerLeaving
from actors.messages.scheduler import MOST_CAPACITY, AttachWorker
from actors.messages.worker import LeaveAgent, PingWorker, StartTask, StopTask, WorkerMessage, YieldTask
from swarmpilot.instance.signals import run_until_stopped
from swarmpilot.instance.work.call import takes_context
from swarmpilot.worker.attachment import Attachment
from swarmpilot.worker.calling import as_call
from swarmpilot.worker.conversation import Conversation, Transport
from swarmpilot.worker.progress import Progress
from swarmpilot.worker.reporter import Reporter
from swarmpilot.worker.runner import Runner
from swarmpilot.worker.threads import Threads
from swarmpilot.worker.websocket import WebSocketTransport

log = logging.getLogger("swarmpilot.worker")

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:8102"
LATE_START_S = 0.25
"""A task that was bound before the worker detached may still be on its way (s); it is run rather than sent back."""
LAST_WORDS_S = 5.0
"""How long a worker whose agent is shut down takes, after the end of its tasks, to deliver what became of them (s)."""
UNFIT_FOR_A_QUEUE: Final = re.compile(r"[^a-zA-Z0-9_.:@#,/+ -]")
"""RabbitMQ would take more, the library that speaks to it (pamqp) does not."""


def _transport(url: str, amqp: str | None, worker_id: str) -> Transport:
    if amqp is None:
        return WebSocketTransport(url, worker_id)
    if UNFIT_FOR_A_QUEUE.search(worker_id):
        raise ValueError(
            "worker_id: over AMQP it names a queue, so it may hold letters and digits of ASCII, spaces and "
            f"-_.:@#,/+ alone; got {worker_id!r}"
        )
    from swarmpilot.worker.amqp import AmqpTransport

    return AmqpTransport(amqp, worker_id)


def _new_id(agent_id: str) -> str:
    """A name that says whose worker it is, and that a queue can have."""
    return f"{UNFIT_FOR_A_QUEUE.sub('_', agent_id[:80])}-{uuid.uuid4().hex[:12]}"


class Worker:
    """Runs the tasks of the agent `agent_id`, at most `capacity` at once.

        worker = Worker("worker-1")

        @worker.task
        async def run(task, ctx):
            for step in range(task.checkpoint.get("step", 0), 100):
                ...
                await ctx.safe_point({"step": step + 1})
            return {"ok": True}

        worker.run()

    The function takes the task, and the context if it wants one; a synchronous one runs in a thread. What it
    returns becomes the task's result, what it raises an error. A task that is asked to give way does so at a safe
    point; it is resumed, by calling the function again, with the checkpoint of it. The worker connects to the
    scheduler at `url`, or, with `amqp`, to the RabbitMQ of a scheduler that has one. `worker_id` is the name of this
    worker among all; without one it is new each time. With `amqp` it is the name of a queue as well, which holds no
    other letters than those of ASCII. Raises ValueError.
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
        if not 1 <= capacity <= MOST_CAPACITY:
            raise ValueError(f"capacity must be from 1 to {MOST_CAPACITY}, got {capacity}")
        self.agent_id = agent_id
        self.capacity = capacity
        self.worker_id = worker_id or _new_id(agent_id)
        self._transport = _transport(url, amqp, self.worker_id)
        self._drain_timeout_s = drain_timeout_s
        self._incarnation = uuid.uuid4().hex
        self._started_at = time.monotonic()
        self._function: Callable[..., Any] | None = None
        self._is_started = False
        self._takes_tasks = True
        self._leaving: asyncio.Task[None] | None = None
        self._change = asyncio.Event()

    def task(self, function: F) -> F:
        """Run tasks with this function: `f(task)` or `f(task, ctx)`, sync or async. Raises ValueError."""
        takes_context(function)
        self._function = function
        return function

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, finish what is held, and return 0; or until the agent is shut down.

        Where that takes longer than `drain_timeout_s`, or at a second signal, the process exits with code 1.
        """
        return run_until_stopped(self, self.dismissed)

    async def serve(self) -> None:
        """Serve until the agent is shut down, or until cancelled; what is held then is abandoned."""
        await self.start()
        try:
            await self.dismissed()
        finally:
            await self.close()

    async def start(self) -> None:
        """Connect in the background, and stay connected.

        Raises ValueError where there is no function to run, RuntimeError where it has been started before.
        """
        if self._function is None:
            raise ValueError("a worker needs a function: decorate one with @worker.task")
        if self._is_started:
            raise RuntimeError("a worker can be started once: make a new one")
        self._is_started = True
        self._threads = Threads(self.capacity)
        self._reporter = Reporter(self._change.set)
        call = as_call(self._function, self._threads)
        self._runner = Runner(self.capacity, call, self.worker_id, self._reporter.report, self._change.set)
        attach = AttachWorker("", self.worker_id, self.agent_id, self.capacity, self._incarnation)
        self._attachment = Attachment(self._transport, attach, self._handle, self._connection)
        self._dismissed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        progress = Progress(self._runner.runs, self._reporter.tell)
        self._parts = {asyncio.create_task(self._attachment.keep()), asyncio.create_task(progress.keep_telling())}

    async def attached(self) -> str:
        """Wait until the scheduler has taken the worker; its id as an instance."""
        await self._attachment.attached.wait()
        return self._attachment.ti_uuid

    async def dismissed(self) -> str:
        """Wait until the agent has been shut down and the worker has finished what it could; what is to say of it."""
        return await asyncio.shield(self._dismissed)

    async def drain(self) -> bool:
        """Detach and finish what is held, reports included. False where the time was not enough."""
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                detached = "detached" if await self._attachment.leave() else "not connected"
                log.info("%s, finishing %s", detached, self._held())
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
        if not self._is_started:
            return
        self._takes_tasks = False
        for part in self._parts if self._leaving is None else {*self._parts, self._leaving}:
            part.cancel()
        self._runner.abandon()
        await self._reporter.close()
        await asyncio.wait(self._parts)
        self._threads.close()

    def _handle(self, message: WorkerMessage) -> Answer:
        match message:
            case StartTask():
                if not self._takes_tasks and not self._runner.knows(message):
                    return Refused("shutting_down", "the worker is leaving")
                self._runner.take(message)
                return TaskTaken(message.task_id, message.attempt)
            case StopTask():
                return TaskStopped(message.task_id, message.attempt, self._runner.stop(message))
            case YieldTask():
                return self._runner.ask_to_yield(message)
            case LeaveAgent():
                if self._leaving is None:
                    self._takes_tasks = False
                    self._leaving = asyncio.create_task(self._leave(message))
                return WorkerLeaving(self._runner.running)
            case PingWorker():
                return WorkerAlive(time.monotonic() - self._started_at, self._runner.running)
            case _:
                assert_never(message)

    async def _leave(self, told: LeaveAgent) -> None:
        """Finish what can be finished within the grace, deliver it, and let `dismissed` know."""
        grace_s = told.grace_ms / 1000.0
        reason = told.reason or f"agent {self.agent_id} is being shut down"
        log.warning("to leave within %g s, with %s: %s", grace_s, self._held(), reason)
        self._attachment.come_back_only_while(lambda: not self._is_done())
        detaching = asyncio.create_task(self._attachment.leave())
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while not self._runner.is_idle:
                    await self._next_change()
        held = self._runner.running
        self._runner.abandon()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await detaching
                while self._reporter.pending:
                    await self._next_change()
        left = f"; {held} tasks had not ended within {grace_s:g} s" if held else ""
        self._dismissed.set_result(reason + left)

    def _connection(self, conversation: Conversation | None) -> None:
        if conversation is None:
            self._reporter.disconnect()
        else:
            self._reporter.connect(conversation)

    async def _until_idle(self) -> None:
        while not self._is_done():
            await self._next_change()

    def _is_done(self) -> bool:
        """Whether nothing runs, and what became of everything is delivered."""
        return self._runner.is_idle and not self._reporter.pending

    async def _next_change(self) -> None:
        self._change.clear()
        await self._change.wait()

    def _held(self) -> str:
        return f"{self._runner.running} running, {self._reporter.pending} reports to deliver"
