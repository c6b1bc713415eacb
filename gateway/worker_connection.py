"""One attached worker's WebSocket: its queue is received on its behalf, its requests are asked on its behalf."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from actors.addresses import SCHEDULER, Address, dispatcher, worker
from actors.asker import Asker
from actors.broker import Delivery
from actors.envelope import Envelope
from actors.envelope_json import encode_envelope, join_envelopes
from actors.errors import SwarmPilotError
from actors.messages import Answer
from actors.messages.answers import Refused, ReportAnswered
from actors.messages.dispatcher import ReportProgress
from actors.messages.scheduler import AttachWorker, DetachWorker
from actors.store import TaskReader, TaskRow
from actors.task_lifecycle import TASK_STATUS, TERMINAL
from gateway.bad_request import BadRequest, MalformedJson
from gateway.worker_frames import BadFrame, RunReport, WorkerAnswer, check_answer, check_request, read_frame

MOST_WAITING: Final = 1_000
"""Frames that may wait to be sent to a worker that reads none; beyond it the connection is given up."""
MOST_AT_ONCE: Final = 64
"""Requests of one worker that are carried out at the same time; the next frame is read when one has ended."""

log = structlog.get_logger(__name__)


class Socket(Protocol):
    """The connection as the web framework gives it: text frames either way."""

    async def receive_text(self) -> str:
        """The next frame. Raises where the worker has gone."""

    async def send_text(self, data: str) -> None:
        """Send a frame."""

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Hang up."""


class HungUp(Exception):
    """The connection is ended from this side, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class WorkerConnection:
    """`attached` is what the worker asked for. `left` is set when its queue is no longer received here."""

    def __init__(
        self,
        socket: Socket,
        attached: AttachWorker,
        asker: Asker,
        reader: TaskReader,
        post: Callable[[Envelope], Awaitable[None]],
        most_result_bytes: int,
    ) -> None:
        self.attached = attached
        self.left = asyncio.Event()
        self._socket = socket
        self._asker = asker
        self._reader = reader
        self._post = post
        self._most_result_bytes = most_result_bytes
        self._ti_uuid = attached.ti_uuid
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._asked: OrderedDict[str, Address] = OrderedDict()
        self._ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(MOST_AT_ONCE)

    def hang_up(self, code: int, reason: str) -> None:
        """End the connection."""
        if not self._ending.done():
            self._ending.set_exception(HungUp(code, reason))

    def forward(self, delivery: Delivery) -> None:
        """To the worker. Who asks waits for a bounded time, so nothing is kept where it cannot be sent."""
        for envelope in delivery.envelopes:
            if envelope.reply_to is not None:
                self._asked[envelope.reply_to.correlation] = envelope.reply_to.to
                while len(self._asked) > MOST_WAITING:
                    self._asked.popitem(last=False)
            self._send(envelope)
        delivery.settle()

    def welcome(self, request: Envelope, ti_uuid: str, answer: Answer) -> None:
        """Tell the worker that it is attached, as the instance `ti_uuid`."""
        self._ti_uuid = ti_uuid
        self._answer(request, answer)

    async def run(self) -> None:
        """Carry messages either way until one side ends it. Raises HungUp, BadFrame, or what the socket raises."""
        parts = [asyncio.ensure_future(self._write()), asyncio.ensure_future(self._read()), self._ending]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for task in (*parts, *self._requests):
                task.cancel()
            await asyncio.gather(*parts, *self._requests, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            waiting = [await self._outgoing.get()]
            while not self._outgoing.empty() and len(waiting) < MOST_AT_ONCE:
                waiting.append(self._outgoing.get_nowait())
            await self._socket.send_text(join_envelopes(waiting).decode())

    async def _read(self) -> None:
        while True:
            for envelope in read_frame(await self._socket.receive_text()):
                if isinstance(envelope.message, WorkerAnswer):
                    await self._pass_on(envelope, envelope.message)
                    continue
                await self._gate.acquire()
                task = asyncio.create_task(self._carry_out(envelope))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)
                task.add_done_callback(lambda _: self._gate.release())

    async def _pass_on(self, envelope: Envelope, answer: WorkerAnswer) -> None:
        """An answer to what this worker was asked, and to nothing else."""
        asker = self._asked.pop(envelope.id, None)
        if asker is None:
            return
        try:
            await self._post(Envelope(envelope.id, asker, check_answer(answer)))
        except BadRequest as error:
            self.hang_up(1008, str(error))

    async def _carry_out(self, envelope: Envelope) -> None:
        try:
            request = check_request(envelope.message, self.attached.worker_id, self._most_result_bytes)
        except (BadRequest, MalformedJson) as error:
            self._answer(envelope, Refused("invalid", str(error)))
            return
        except BadFrame as error:
            self.hang_up(1008, str(error))
            return
        try:
            self._answer(envelope, await self._ask(request))
        except SwarmPilotError as error:
            # No answer: the worker asks again, until it has one.
            log.warning("a worker's request was not answered", worker=self.attached.worker_id, reason=str(error))

    async def _ask(self, request: RunReport | DetachWorker) -> Answer:
        if isinstance(request, DetachWorker):
            return await self._asker.ask(SCHEDULER, request)
        row = await self._reader.task(request.task_id)
        if row is None or row.agent_id != self.attached.agent_id or row.state in TERMINAL:
            return ReportAnswered(request.task_id, counted=False)
        # Whose it is and who says so is known, whatever the worker says.
        report: RunReport
        if isinstance(request, ReportProgress):
            report = replace(request, agent_id=row.agent_id)
        else:
            report = replace(request, agent_id=row.agent_id, instance_id=self.attached.worker_id)
        return await self._asker.ask(dispatcher(self._holder_of(row, report.attempt)), report)

    def _holder_of(self, row: TaskRow, attempt: int) -> str:
        """The instance that has this attempt: one that the worker was before it came back on its way out, maybe."""
        is_current = row.attempt == attempt and TASK_STATUS[row.state] == "scheduled"
        return row.scheduled_ti if is_current else self._ti_uuid

    def _answer(self, request: Envelope, answer: Answer) -> None:
        correlation = request.reply_to.correlation if request.reply_to is not None else request.id
        self._send(Envelope(correlation, worker(self.attached.worker_id), answer))

    def _send(self, envelope: Envelope) -> None:
        try:
            self._outgoing.put_nowait(encode_envelope(envelope))
        except asyncio.QueueFull:
            self.hang_up(1013, f"{MOST_WAITING} messages wait, and none is read")
