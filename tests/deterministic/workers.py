"""Attached workers of a simulated deployment: processes of their own, that the service reaches over the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from actors.addresses import SCHEDULER, Address, ReturnAddress, dispatcher, queue_of, worker
from actors.broker import Delivery
from actors.envelope import Envelope
from actors.errors import BrokerUnavailable
from actors.messages import Answer, Message
from actors.messages.answers import (
    Refused,
    ReportAnswered,
    TaskStopped,
    TaskTaken,
    WorkerAlive,
    WorkerAttached,
    WorkerLeaving,
    YieldNoted,
)
from actors.messages.dispatcher import Report, ReportYield
from actors.messages.scheduler import AttachWorker, DetachWorker
from actors.messages.worker import LeaveAgent, PingWorker, StartTask, StopTask, WorkerMessage, YieldTask
from tests.deterministic.broker import Cluster, Connection
from tests.deterministic.process import Process
from tests.deterministic.runs import Run, Runs, conduct_of
from tests.deterministic.virtual_loop import VirtualLoop
from tests.properties.fake_instances import Conduct

PATIENCE_S = 4.0
"""How long a worker waits for an answer before it asks again (s)."""

LOOK_S = 1.0
"""How often it looks at its connection (s)."""


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is: its id, whose tasks it runs, and how many at once."""

    worker_id: str
    agent_id: str
    capacity: int


class Worker:
    """One process of a worker; `incarnation` tells it from those before it under the same id."""

    def __init__(
        self,
        post: Post,
        incarnation: str,
        loop: VirtualLoop,
        cluster: Cluster,
        conducts: Mapping[str, tuple[Conduct, ...]],
        chance: Random,
    ) -> None:
        self.process = Process(loop, incarnation)
        self._post = post
        self._incarnation = incarnation
        self._loop = loop
        self._booted_at = loop.time()
        self._cluster = cluster
        self._conducts = conducts
        self._broker = Connection(cluster, self.process, announces=False)
        self._runs = Runs(chance, self._report, loop.time, self.process.spawn)
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._questions = 0
        self._starts: dict[str, int] = {}
        self._ti_uuid = ""
        self._leaves = False
        self._receives = False

    def start(self) -> None:
        """Attach, and work."""
        self.process.spawn(self._live())

    @property
    def broker(self) -> Connection:
        """Its connection."""
        return self._broker

    async def _live(self) -> None:
        queue = queue_of(worker(self._post.worker_id), 1)
        connected = False
        while not self._leaves or len(self._runs):
            if self._broker.condition == "down":
                connected = False
            elif not connected:
                connected = await self._attach(queue)
            await asyncio.sleep(LOOK_S)
        while True:
            if await self._ask(SCHEDULER, DetachWorker(self._post.worker_id)) is not None:
                self.process.kill()
            await asyncio.sleep(LOOK_S)

    async def _attach(self, queue: str) -> bool:
        try:
            if not self._receives:
                if queue in self._cluster.queues:
                    return False  # whoever was this worker before is still believed to be there
                await self._broker.receive(queue, self._take, temporary=True)
                self._receives = True
        except BrokerUnavailable:
            return False
        post = self._post
        ti_uuid = f"ti-{self.process.name}"
        attach = AttachWorker(ti_uuid, post.worker_id, post.agent_id, post.capacity, self._incarnation)
        answer = await self._ask(SCHEDULER, attach)
        if isinstance(answer, WorkerAttached):
            self._ti_uuid = answer.ti_uuid
            return True
        return False

    def _take(self, delivery: Delivery) -> None:
        for envelope in delivery.envelopes:
            if envelope.reply_to is None:
                asked = self._asked.pop(envelope.id, None)
                if asked is not None and not asked.done():
                    asked.set_result(envelope.message)  # type: ignore[arg-type]
            else:
                answer = self._answer(envelope.message)  # type: ignore[arg-type]
                if answer is not None:
                    self.process.spawn(self._tell(envelope.reply_to, answer))
        delivery.settle()

    async def _tell(self, back: ReturnAddress, answer: Answer) -> None:
        try:
            await self._broker.publish([Envelope(back.correlation, back.to, answer)])
        except BrokerUnavailable:
            return  # who asked asks again

    def _answer(self, message: WorkerMessage) -> Answer | None:
        match message:
            case StartTask():
                return self._start(message)
            case YieldTask():
                return self._yield(message)
            case StopTask():
                return TaskStopped(message.task_id, message.attempt, self._runs.stop(_key(message)))
            case LeaveAgent():
                self._leaves = True
                return WorkerLeaving(len(self._runs))
            case PingWorker():
                return WorkerAlive(self._loop.time() - self._booted_at, len(self._runs))

    def _start(self, message: StartTask) -> Answer | None:
        key = _key(message)
        self._starts[key] = self._starts.get(key, 0) + 1
        conduct = conduct_of(self._conducts, message.task_id, message.attempt)
        is_first = self._starts[key] == 1
        if conduct in ("refuse", "unreachable"):
            return Refused("invalid", conduct)
        if conduct == "lost" and is_first:
            return None
        self._runs.begin(Run(message.task_id, message.attempt, message.resumption, conduct), key, message.checkpoint)
        return None if conduct == "unsure" and is_first else TaskTaken(message.task_id, message.attempt)

    def _yield(self, message: YieldTask) -> Answer:
        key = _key(message)
        given = self._runs.give_way(key)
        run = message.task_id, message.attempt, message.resumption
        if isinstance(given, bytes):
            left = self._runs.known(key)
            self.process.spawn(self._runs.say(left))
            return YieldNoted(*run, is_held=True)
        return YieldNoted(*run, is_held=given != "gone", section="s" if given == "later" else "", deferred_ms=500.0)

    async def _report(self, run: Run) -> bool:
        which = run.task_id, run.attempt
        report: Report | ReportYield
        if run.checkpoint is None:
            is_error = run.conduct == "error"
            report = Report(
                *which, self._post.agent_id, self._post.worker_id, 5.0, run.result, is_error, run.resumption
            )
        else:
            report = ReportYield(*which, run.resumption, self._post.agent_id, self._post.worker_id, 1.0, run.checkpoint)
        return isinstance(await self._ask(dispatcher(self._ti_uuid), report), ReportAnswered)

    async def _ask(self, to: Address, message: Message) -> Answer | None:
        """The answer; None where none came in time."""
        self._questions += 1
        correlation = f"{self.process.name}:{self._questions}"
        asked = self._asked[correlation] = self._loop.create_future()
        back = ReturnAddress(worker(self._post.worker_id), correlation)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._broker.publish([Envelope(correlation, to, message, back)])
                answer: Answer = await asked
                return answer
        except (BrokerUnavailable, TimeoutError):
            return None
        finally:
            self._asked.pop(correlation, None)


def _key(message: StartTask | YieldTask | StopTask) -> str:
    return f"{message.task_id}:{message.attempt}.{message.resumption}"
