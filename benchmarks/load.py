"""The load generator, a process of its own: takes an order as JSON, puts the load on, prints what it saw as JSON.

Every answer is checked: a status other than 200, an answer of another shape or an id given twice ends the run.
Times are of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import deque
from time import monotonic, process_time
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks.connection import BrokenAnswer, Connection, OnAnswer, OnFailure, get, post
from benchmarks.plan import CONNECTIONS, MODEL, TASK_INPUT_BYTES

POLL_S = 0.05
IDLE_TIMEOUT_S = 120.0


class Order(msgspec.Struct, kw_only=True):
    """`closed`: each of 64 submitters sends its next task when the last one is answered. `open`: `rate` a second,
    at random times, whatever the answers do. `batch`: as many tasks as fast as may be, 500 a request.

    `url` may be several, separated by commas: the connections are spread evenly over them.

    With `until_idle` the run ends when the service says that nothing waits and nothing runs. The tasks are those of
    `agents` agents in turn, where it is not 0.
    """

    url: str
    mode: Literal["closed", "open", "batch"]
    tasks: int
    rate: float = 0.0
    until_idle: bool = False
    service_ms: int = 0
    agents: int = 0


class Outcome(msgspec.Struct, kw_only=True):
    """`answered` requests. `latencies_ms`, of an open loop alone, are sorted. `task_ids` is a sample. `idle_at` is 0
    where nobody waited for it.

    `cpu_s` is the processor time that the load generator has used.
    """

    began_at: float
    answered_at: float
    idle_at: float
    answered: int
    latencies_ms: list[float]
    task_ids: list[str]
    cpu_s: float


class _Accepted(msgspec.Struct):
    status: str
    task_id: str


class _Batch(msgspec.Struct):
    status: str
    accepted: int
    results: list[_Accepted]


class _Queues(msgspec.Struct):
    waiting_total: int
    running_total: int


_decode_accepted = msgspec.json.Decoder(_Accepted).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_queues = msgspec.json.Decoder(_Queues).decode

BATCH = 500


def task_input(number: int, service_ms: int = 0) -> bytes:
    """A task's input: a JSON object of exactly 1 KiB, different for each number."""
    head = b'{"service_ms":%d,"number":%d,"text":"' % (service_ms, number)
    return head + b"x" * (TASK_INPUT_BYTES - len(head) - 2) + b'"}'


class Load:
    """Sends `total` requests over the connections that are free and takes in the answers."""

    def __init__(self, order: Order, total: int) -> None:
        targets = [urlsplit(url) for url in order.url.split(",")]
        self._targets = [(target.hostname or "127.0.0.1", target.port or 80) for target in targets]
        self.host, self.port = self._targets[0]
        self.task_ids: set[str] = set()
        self.latencies_ms: list[float] = []
        self._order = order
        self._total = total
        self._sent = 0
        self._answered = 0
        self._free: deque[Connection] = deque()  # in turn: idle ones get closed
        self._late: deque[float] = deque()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, connections: int) -> tuple[float, float]:
        """Put the load on; when the first request was sent, and when the last was answered."""
        for number in range(connections):
            host, port = self._targets[number % len(self._targets)]
            self._free.append(await connect(host, port, self._take, self._fail))
        opened = list(self._free)
        began = monotonic()
        if self._order.mode == "open":
            self._schedule(began)
        else:
            while self._free and self._sent < self._total:
                self._send(self._free.popleft(), monotonic())
        await self._ended
        answered = monotonic()
        for connection in opened:
            connection.close()
        return began, answered

    def _schedule(self, began: float) -> None:
        """Every request at its own time: a slow answer delays no other, and waiting for a connection counts."""
        loop, chance = asyncio.get_running_loop(), random.Random(1)
        offset, at = loop.time() - monotonic(), began
        for _ in range(self._total):
            at += chance.expovariate(self._order.rate)
            loop.call_at(at + offset, self._send_or_wait, at)

    def _send_or_wait(self, at: float) -> None:
        if self._free:
            self._send(self._free.popleft(), at)
        else:
            self._late.append(at)

    def _send(self, connection: Connection, at: float) -> None:
        if self._order.mode == "batch":
            numbers = range(self._sent * BATCH, min((self._sent + 1) * BATCH, self._order.tasks))
            tasks = b",".join(b'{"task_input":%b}' % task_input(number) for number in numbers)
            body = b'{"model_name":"%b","tasks":[%b]}' % (MODEL.encode(), tasks)
            path = "/queue/submit_batch"
        else:
            given = task_input(self._sent, self._order.service_ms)
            agent = b'"agent_id":"agent-%d"' % (self._sent % self._order.agents) if self._order.agents else b""
            body = b'{"model_name":"%b","task_input":%b,"metadata":{%b}}' % (MODEL.encode(), given, agent)
            path = "/queue/submit"
        self._sent += 1
        connection.send(post(self.host, path, body), at)

    def _take(self, connection: Connection, status: int, body: bytes) -> None:
        now = monotonic()
        self.latencies_ms.append((now - connection.sent_at) * 1000)
        try:
            self._check(status, body)
        except (BrokenAnswer, msgspec.DecodeError) as error:
            self._fail(error)
            return
        self._answered += 1
        if self._answered == self._total and not self._ended.done():
            self._ended.set_result(None)
        elif self._order.mode == "open":
            self._free.append(connection)
            if self._late:
                self._send(self._free.popleft(), self._late.popleft())
        elif self._sent < self._total:
            self._send(connection, now)

    def _check(self, status: int, body: bytes) -> None:
        if status != 200:
            raise BrokenAnswer(f"status {status}: {body[:300]!r}")
        if self._order.mode == "batch":
            answer = _decode_batch(body)
            accepted = [result.task_id for result in answer.results if result.status == "success"]
            if len(accepted) != len(answer.results) or answer.status != "success":
                raise BrokenAnswer(f"not all of a batch was accepted: {body[:300]!r}")
        else:
            one = _decode_accepted(body)
            if one.status != "success" or not one.task_id:
                raise BrokenAnswer(f"not accepted: {body[:300]!r}")
            accepted = [one.task_id]
        before = len(self.task_ids)
        self.task_ids.update(accepted)
        if len(self.task_ids) != before + len(accepted):
            raise BrokenAnswer("a task id was given twice")

    def _fail(self, error: Exception) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)


async def until_idle(host: str, port: int) -> float:
    """When the service first said that nothing waits and nothing runs. Raises TimeoutError."""
    answers: asyncio.Queue[tuple[int, bytes] | Exception] = asyncio.Queue()
    connection = await connect(
        host, port, lambda _, status, body: answers.put_nowait((status, body)), lambda error: answers.put_nowait(error)
    )
    async with asyncio.timeout(IDLE_TIMEOUT_S):
        while True:
            connection.send(get(host, "/queue/info"), monotonic())
            answer = await answers.get()
            now = monotonic()
            if isinstance(answer, Exception) or answer[0] != 200:
                raise BrokenAnswer(f"/queue/info: {answer}")
            queues = _decode_queues(answer[1])
            if queues.waiting_total + queues.running_total == 0:
                connection.close()
                return now
            await asyncio.sleep(POLL_S)


async def connect(host: str, port: int, on_answer: OnAnswer, on_failure: OnFailure) -> Connection:
    """An open connection."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(on_answer, on_failure), host, port)
    return connection


async def carry_out(order: Order) -> Outcome:
    """Do what was ordered."""
    is_batch = order.mode == "batch"
    load = Load(order, -(-order.tasks // BATCH) if is_batch else order.tasks)
    used = process_time()
    began_at, answered_at = await load.run(2 if is_batch else CONNECTIONS)
    used = process_time() - used
    idle_at = await until_idle(load.host, load.port) if order.until_idle else 0.0
    sample = random.Random(2).sample(sorted(load.task_ids), min(50, len(load.task_ids)))
    return Outcome(
        began_at=began_at,
        answered_at=answered_at,
        idle_at=idle_at,
        answered=len(load.latencies_ms),
        latencies_ms=sorted(load.latencies_ms) if order.mode == "open" else [],
        task_ids=sample,
        cpu_s=used,
    )


def main() -> None:
    """Carry out the order on the command line."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(carry_out(order))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
