"""The life of an instance: serve, join, run tasks, leave, finish what is held, stop."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from swarmpilot.instance.http import build_app
from swarmpilot.instance.ledger import Ledger, Taking
from swarmpilot.instance.membership import Membership, advertised, checked_url, reachable_host
from swarmpilot.instance.pushes import Push, YieldRequest
from swarmpilot.instance.reporter import Reporter
from swarmpilot.instance.runner import Noted, Runner, Yielded
from swarmpilot.instance.signals import run_until_stopped
from swarmpilot.instance.work.call import BadFunction, as_work, takes_context
from swarmpilot.instance.work.simulate import simulate

log = logging.getLogger("swarmpilot.instance")

# A push that was bound before the removal may still be on its way; it is taken rather than sent elsewhere.
LATE_PUSH_S = 0.25


class TaskInstance:
    """Runs the tasks of one model.

    `work` is any function of the task's input (and optionally its TaskContext), sync or async; without one,
    tasks are simulated. At most `capacity` tasks run at once, the rest wait here. `port` 0 lets the system
    choose. `advertise` (HOST or HOST:PORT) is where the scheduler reaches it, if not at `host`. `preemptible` tells
    the scheduler that running tasks may be asked to give way: the function then calls `context.safe_point(...)` often,
    and goes on from `context.checkpoint`. Raises BadFunction or ValueError.

        TaskInstance("my-model", my_function, port=8100, capacity=2).run()
    """

    def __init__(
        self,
        model: str,
        work: Callable[..., Any] | None = None,
        *,
        scheduler: str | None = "http://127.0.0.1:8102",
        host: str = "127.0.0.1",
        port: int = 0,
        capacity: int = 1,
        instance_id: str | None = None,
        advertise: str | None = None,
        drain_timeout_s: float = 300.0,
        preemptible: bool = False,
    ) -> None:
        if not model:
            raise ValueError("model must not be empty")
        self.model = model
        self.host = host
        self.port = port
        self.scheduler = checked_url(scheduler) if scheduler else None
        self.instance_id = instance_id or f"{model}-{uuid.uuid4().hex[:8]}"
        self.ti_uuid = ""
        self.preemptible = preemptible
        self._advertised = advertised(advertise) if advertise else None
        self._drain_timeout_s = drain_timeout_s
        self._ledger: Ledger[Push] = Ledger(capacity)
        if work is not None and preemptible:
            _check_has_safe_points(work)
        self._work = simulate(preemptible=preemptible) if work is None else as_work(work, capacity)
        self._status = "starting"
        self._started_at = time.monotonic()
        self._is_started = False
        self._takes_tasks = True
        self._progress = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, finish what is held, and return 0.

        Where that takes longer than `drain_timeout_s`, or at a second signal, the process exits with code 1.
        """
        return run_until_stopped(self)

    async def start(self) -> None:
        """Listen, and join the scheduler in the background.

        Raises OSError where the port is taken, RuntimeError where it has been started before.
        """
        if self._is_started:
            raise RuntimeError("a TaskInstance can be started once: make a new one")
        self._is_started = True
        self._session = aiohttp.ClientSession()
        self._reporter = Reporter(self.scheduler, self._progress.set) if self.scheduler else None
        self._runner = Runner(self._ledger, self._work, self.model, self.instance_id, self._report)
        self._http = web.AppRunner(build_app(self), access_log=None, keepalive_timeout=300.0)
        try:
            await self._http.setup()
            await self._listen()
        except BaseException:
            await self.close()
            raise
        self.port = self._http.addresses[0][1]
        self._status = "running"
        log.info("%s listens on %s:%d, capacity %d", self.instance_id, self.host, self.port, self._ledger.capacity)
        if self.scheduler:
            host, port = self._advertised or (reachable_host(self.host, self.scheduler), 0)
            self._membership = Membership(self._session, self.scheduler, host, port or self.port, self.model)
            self._joining = asyncio.create_task(self._join())

    async def joined(self) -> str:
        """Wait until the scheduler has taken the instance; its ti_uuid."""
        if self._joining:
            await asyncio.shield(self._joining)
        return self.ti_uuid

    async def drain(self) -> bool:
        """Leave the scheduler and finish what is held, its reports included. False where the time was not enough."""
        self._status = "draining"
        left = await self._leave()
        self._takes_tasks = left
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                await self._until_idle()
                if left:
                    await asyncio.sleep(LATE_PUSH_S)
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
        if self._joining:
            self._joining.cancel()
        self._runner.abandon()
        await self._http.cleanup()
        if self._reporter:
            await self._reporter.close()
        await self._session.close()
        self._status = "stopped"

    # What the endpoints ask for.

    @property
    def takes_tasks(self) -> bool:
        """Whether a push may still be taken."""
        return self._takes_tasks

    def take(self, push: Push) -> Taking:
        """Take a push; a repeat of a key that has ended is reported again, never run again."""
        taking = self._ledger.take(push)
        if taking is Taking.NEW:
            self._runner.start_what_can()
        elif taking is Taking.ENDED:
            self._report(push.key, self._ledger.report_of(push.key) or b"")
        return taking

    def cancel(self, task_id: str, key: str | None = None) -> bool:
        """Stop the run with this key, without one every run of the task; False where none is held."""
        return self._runner.cancel(task_id, key)

    def preempt(self, task_id: str, key: str | None, request: YieldRequest) -> Noted | Yielded | None:
        """Ask the run with this key, without one every run of the task, to give way; None where none is held."""
        return self._runner.preempt(task_id, key, request)

    def describe(self) -> dict[str, Any]:
        """The body of /info; `uptime` in seconds."""
        return {
            "instance_id": self.instance_id,
            "instance_status": self._status,
            "deployed_model": {"model_name": self.model, "replicas": self._ledger.capacity},
            "queue_info": {
                "length_of_queue": self._ledger.waiting,
                "running": self._ledger.running,
                "completed": self._ledger.ended_count,
            },
            "uptime": time.monotonic() - self._started_at,
            "capabilities": ["cancel", "preempt"] if self.preemptible else ["cancel"],
        }

    # Inside.

    def _report(self, key: str, report: bytes) -> None:
        if self._reporter:
            self._reporter.report(key, report)
        self._progress.set()

    async def _listen(self) -> None:
        try:
            await web.TCPSite(self._http, self.host, self.port, backlog=1024).start()
        except OSError as error:
            number = error.errno or 0
            # asyncio's own text repeats the address as a Python tuple; a name not found has a negative number.
            reason = os.strerror(number) if number > 0 else error.strerror or str(error)
            text = f"cannot listen on {self.host}:{self.port}: {reason[:1].lower()}{reason[1:]}"
            raise OSError(text) from error

    async def _join(self) -> None:
        self.ti_uuid = await self._membership.join()

    async def _leave(self) -> bool:
        if self._joining is None:
            return False
        self._joining.cancel()
        return await self._membership.leave()

    async def _until_idle(self) -> None:
        said = 0.0
        while not self._ledger.is_empty or (self._reporter and self._reporter.pending):
            if time.monotonic() - said > 10.0:
                said = time.monotonic()
                log.info("finishing %s", self._held())
            self._progress.clear()
            await self._progress.wait()

    def _held(self) -> str:
        pending = self._reporter.pending if self._reporter else 0
        return f"{self._ledger.running} running, {self._ledger.waiting} waiting, {pending} reports to deliver"


def _check_has_safe_points(work: Callable[..., Any]) -> None:
    if not takes_context(work):
        raise BadFunction(
            f"{getattr(work, '__name__', work)} must take the context to be preemptible: f(task_input, context), which "
            "calls context.safe_point({...})"
        )
