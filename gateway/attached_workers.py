"""The workers that are connected to this gateway, each under its id once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from actors.addresses import SCHEDULER, queue_of, worker
from actors.asker import Asker
from actors.broker import Broker
from actors.envelope import Envelope
from actors.errors import SwarmPilotError
from actors.messages.answers import WorkerAlive, WorkerAttached
from actors.messages.scheduler import AttachWorker
from actors.messages.worker import PingWorker
from actors.store import TaskReader
from gateway.bad_request import BadRequest
from gateway.worker_connection import HungUp, Socket, WorkerConnection
from gateway.worker_frames import BadFrame, first_of, read_frame

FIRST_FRAME_S: Final = 10.0
ALIVE_S: Final = 2.0
"""How long a worker whose id another claims has to show that it is still there (s)."""
LONGEST_REASON: Final = 120
"""WebSocket's limit for the text of a closing frame is 123 bytes."""

log = structlog.get_logger(__name__)


class AttachedWorkers:
    """Serves them. `post` takes answers of workers to whoever asked."""

    def __init__(
        self,
        broker: Broker,
        asker: Asker,
        reader: TaskReader,
        post: Callable[[Envelope], Awaitable[None]],
        most_result_bytes: int,
    ) -> None:
        self._broker = broker
        self._asker = asker
        self._reader = reader
        self._post = post
        self._most_result_bytes = most_result_bytes
        self._connections: dict[str, WorkerConnection] = {}

    async def serve(self, socket: Socket) -> None:
        """Carry messages between worker and actors, until either side ends it. Raises what the socket raises."""
        try:
            async with asyncio.timeout(FIRST_FRAME_S):
                first = await socket.receive_text()
            request, attach = first_of(read_frame(first))
            await self._run(socket, request, attach)
        except TimeoutError:
            await _close(socket, 1008, "nothing was said")
        except (BadFrame, BadRequest) as error:
            await _close(socket, 1008, str(error))
        except HungUp as reason:
            await _close(socket, reason.code, str(reason))
        except SwarmPilotError as error:
            await _close(socket, 1013, f"{error}; try again")

    async def _run(self, socket: Socket, request: Envelope, attach: AttachWorker) -> None:
        name = attach.worker_id
        queue = queue_of(worker(name), 1)
        connection = WorkerConnection(socket, attach, self._asker, self._reader, self._post, self._most_result_bytes)
        await self._make_room(attach)
        self._connections[name] = connection
        try:
            # Before it is attached: what is bound to it at once must find its queue.
            await self._broker.receive(queue, connection.forward, temporary=True)
            try:
                answer = await self._asker.ask(SCHEDULER, attach)
                if not isinstance(answer, WorkerAttached):
                    raise HungUp(1008, f"not attached: {answer}")
                connection.welcome(request, answer.ti_uuid, answer)
                log.info("worker attached", worker=name, agent=attach.agent_id, capacity=attach.capacity)
                await connection.run()
            finally:
                await self._broker.stop_receiving(queue)
                log.info("worker disconnected", worker=name)
        finally:
            del self._connections[name]
            connection.left.set()

    async def _make_room(self, attach: AttachWorker) -> None:
        """Let go of an earlier connection under this id. Raises HungUp where another process is using it."""
        while (earlier := self._connections.get(attach.worker_id)) is not None:
            if earlier.attached.incarnation != attach.incarnation and await self._is_alive(attach.worker_id):
                raise HungUp(4409, f"another process is attached as worker {attach.worker_id}")
            earlier.hang_up(4409, "attached again over another connection")
            await earlier.left.wait()

    async def _is_alive(self, worker_id: str) -> bool:
        try:
            answer = await self._asker.ask(worker(worker_id), PingWorker(), timeout=ALIVE_S)
        except SwarmPilotError:
            return False
        return isinstance(answer, WorkerAlive)


async def _close(socket: Socket, code: int, reason: str) -> None:
    """Hang up, where the other side is still there to hear it."""
    with suppress(RuntimeError, OSError):
        await socket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
