"""Tasks sent to a running service at their times, and what became of each, as its record tells."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit

from benchmarks.children import wait_until
from benchmarks.connection import BrokenAnswer, Connection, post
from benchmarks.load import connect
from benchmarks.plan import MODEL
from simulation.jobs import Job

BEGINS_IN_S = 0.5
END_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """Latency (s) of each task, from when it was to be sent to its end as recorded: all that the service adds is in it.

    `overhead_s` is the mean of what was neither waiting for a place nor service: from being bound to an instance to the
    recorded end, less the time that the task asked for. `late_s` is by how much the load generator was late, the mean.
    """

    latencies_s: list[float]
    overhead_s: float
    late_s: float


def replay(url: str, jobs: Sequence[Job], speeds: dict[str, float]) -> Replayed:
    """Send all, wait until all have ended. Raises AssertionError unless every one completed at its first attempt."""
    sent = asyncio.run(_sent(url, jobs))
    wait_until("all tasks have ended", lambda: _is_idle(url), END_TIMEOUT_S, 0.2)
    latencies, overheads = [], []
    for number, job in enumerate(jobs):
        bound_at, ti_uuid, ended_at = _story(url, number)
        latencies.append(ended_at - sent.due[number])
        overheads.append(ended_at - bound_at - job.service_s / speeds[ti_uuid])
    late = fmean(at - due for at, due in zip(sent.sent, sent.due, strict=True))
    return Replayed(latencies, fmean(overheads), late)


async def _sent(url: str, jobs: Sequence[Job]) -> Sent:
    return await _Replay(url, jobs).run()


@dataclass(frozen=True, slots=True)
class Sent:
    """When each task was to be sent, and when it was (Unix seconds)."""

    due: list[float]
    sent: list[float]


class _Replay:
    """Every request at its own time, whatever the answers do, over a connection that is free or a new one."""

    def __init__(self, url: str, jobs: Sequence[Job]) -> None:
        target = urlsplit(url)
        self._host, self._port = target.hostname or "127.0.0.1", target.port or 80
        self._jobs = jobs
        self._answered = 0
        self._free: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sent = Sent([], [0.0] * len(jobs))

    async def run(self) -> Sent:
        """Send all of them."""
        loop, begins = asyncio.get_running_loop(), time.time() + BEGINS_IN_S
        offset = loop.time() - time.time()
        for number, job in enumerate(self._jobs):
            self._sent.due.append(begins + job.arrival_s)
            loop.call_at(begins + job.arrival_s + offset, self._send, number)
        await self._ended
        for connection in self._free:
            connection.close()
        return self._sent

    def _send(self, number: int) -> None:
        self._sent.sent[number] = time.time()
        if self._free:
            self._free.pop().send(self._request(number), self._sent.sent[number])
            return
        opening = asyncio.get_running_loop().create_task(self._send_anew(number))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _send_anew(self, number: int) -> None:
        made: list[Connection] = []

        def closed(error: Exception) -> None:
            """The server closes what is idle; anything else is a failure."""
            if made[0] in self._free:
                self._free.remove(made[0])
            elif not self._ended.done():
                self._ended.set_exception(error)

        made.append(await connect(self._host, self._port, self._take, closed))
        made[0].send(self._request(number), self._sent.sent[number])

    def _request(self, number: int) -> bytes:
        job = self._jobs[number]
        body = {
            "model_name": MODEL,
            "task_id": _task_id(number),
            "task_input": {"service_ms": job.service_s * 1000.0},
            "metadata": {"input_tokens": job.request.input_tokens},
        }
        return post(self._host, "/queue/submit", json.dumps(body).encode())

    def _take(self, connection: Connection, status: int, body: bytes) -> None:
        if self._ended.done():
            return
        if status != 200:
            self._ended.set_exception(BrokenAnswer(f"status {status}: {body[:300]!r}"))
            return
        self._free.append(connection)
        self._answered += 1
        if self._answered == len(self._jobs):
            self._ended.set_result(None)


def _task_id(number: int) -> str:
    return f"replayed-{number}"


def _is_idle(url: str) -> bool:
    queues = _get(f"{url}/queue/info")
    return bool(queues["waiting_total"] + queues["running_total"] == 0)


def _story(url: str, number: int) -> tuple[float, str, float]:
    """When the task was bound, to which instance, and when it ended (Unix seconds)."""
    bound, ended = [], []
    for event in _get(f"{url}/task/story?task_id={_task_id(number)}")["events"]:
        if event["kind"] == "TaskBound":
            bound.append((event["at"], event["event"]["ti_uuid"]))
        if event["kind"] == "TaskFinished":
            ended.append((event["at"], event["event"]["state"]))
    assert len(bound) == 1, f"{_task_id(number)} was not run once: {bound}"
    assert [state for _, state in ended] == ["completed"], f"{_task_id(number)} ended as {ended}"
    return bound[0][0], bound[0][1], ended[0][0]


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)
