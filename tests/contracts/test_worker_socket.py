"""The gateway's WebSocket for workers, by a worker written by hand: what it is told, and what it may not do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from msgspec.structs import replace

from actors.addresses import SCHEDULER, Address, ReturnAddress, dispatcher, worker
from actors.envelope import Envelope
from actors.envelope_json import decode_envelopes, encode_envelope, join_envelopes
from actors.messages import Answer, Message
from actors.messages.answers import (
    InstanceRemoval,
    Refused,
    ReportAnswered,
    TaskTaken,
    WorkerAlive,
    WorkerAttached,
    YieldNoted,
)
from actors.messages.dispatcher import Report, ReportProgress, ReportYield
from actors.messages.scheduler import AttachWorker, DetachWorker, RemoveInstance
from actors.messages.tasks import Activity
from actors.messages.worker import PingWorker, StartTask, YieldTask
from tests.embedded import DEADLINE_S, Embedded, embedded
from tests.rest_client import rest_client

ATTACH = AttachWorker("", "w", "a", 1, "process-1")
THEIRS = AttachWorker("", "v", "b", 1, "process-1")


class Hand:
    """A worker whose every word the test says. It answers pings by itself."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, *envelopes: Envelope) -> None:
        await self.socket.send_str(join_envelopes([encode_envelope(envelope) for envelope in envelopes]).decode())

    async def ask(self, message: Message, to: Address = SCHEDULER) -> Answer:
        """The answer to this."""
        correlation = uuid4().hex
        await self.say(Envelope(correlation, to, message, ReturnAddress(worker("w"), correlation)))
        answer = await self.next(lambda envelope: envelope.id == correlation)
        assert answer.to.kind == "worker"
        return answer.message  # type: ignore[return-value]

    async def answer(self, question: Envelope, answer: Answer) -> None:
        assert question.reply_to is not None
        await self.say(Envelope(question.reply_to.correlation, question.reply_to.to, answer))

    async def start(self) -> Envelope:
        """The next task that it is told to start."""
        return await self.next(lambda envelope: isinstance(envelope.message, StartTask))

    async def next(self, wanted: Callable[[Envelope], bool]) -> Envelope:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame = await self.socket.receive()
                assert frame.type is aiohttp.WSMsgType.TEXT, frame
                for envelope in decode_envelopes(frame.data.encode()):
                    if wanted(envelope):
                        return envelope
                    await self._show_life(envelope)

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the other side's goodbye."""
        async with asyncio.timeout(DEADLINE_S):
            while (frame := await self.socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                assert frame.type is aiohttp.WSMsgType.TEXT, frame
                for envelope in decode_envelopes(frame.data.encode()):
                    await self._show_life(envelope)
            return frame.data, frame.extra or ""

    async def _show_life(self, envelope: Envelope) -> None:
        if isinstance(envelope.message, PingWorker):
            await self.answer(envelope, WorkerAlive(time.monotonic(), 0))


@asynccontextmanager
async def connected(service: Embedded, **headers: str) -> AsyncIterator[Hand]:
    async with aiohttp.ClientSession() as session:
        url = f"{service.url}/workers/attach"
        async with session.ws_connect(url, headers=headers, max_msg_size=0) as socket:
            yield Hand(socket)


@asynccontextmanager
async def attached(service: Embedded, attach: AttachWorker = ATTACH) -> AsyncIterator[Hand]:
    async with connected(service) as hand:
        answer = await hand.ask(attach)
        assert isinstance(answer, WorkerAttached), answer
        yield hand


def perform(story: Callable[[Embedded], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service:
            await story(service)

    asyncio.run(run())


async def submit(service: Embedded, task_id: str, agent: str = "a", **params: Any) -> None:
    async with rest_client(service.url) as rest:
        reply = await rest.post(f"/agents/{agent}/tasks", {"task_id": task_id, "params": params})
        assert reply.body["accepted"], reply


def report(task_id: str, result: bytes = b'{"ok": true}', agent: str = "a", attempt: int = 1) -> Report:
    return Report(task_id, attempt, agent, "w", 12.5, result)


def test_a_task_is_started_reported_and_ended() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await submit(service, "t", x=1)
            question = await hand.start()
            start = question.message
            assert isinstance(start, StartTask)
            assert (start.task_id, start.attempt, start.agent_id, start.input) == ("t", 1, "a", b'{"x":1}')
            await hand.answer(question, TaskTaken("t", 1))
            assert await hand.ask(report("t"), dispatcher(start.ti_uuid)) == ReportAnswered("t", True)
            assert await hand.ask(report("t"), dispatcher(start.ti_uuid)) == ReportAnswered("t", False)
            row = await service.ended("t")
            assert (row.state, row.execution_ms) == ("completed", 12.5)
            assert await service.result("t") == b'{"ok": true}'

    perform(story)


def test_a_report_may_come_before_the_answer_to_the_start() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await submit(service, "t")
            question = await hand.start()
            assert await hand.ask(report("t")) == ReportAnswered("t", True)
            await hand.answer(question, TaskTaken("t", 1))
            assert (await service.ended("t")).attempt == 1

    perform(story)


def test_what_a_worker_refuses_is_tried_again() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await submit(service, "t")
            await hand.answer(await hand.start(), Refused("shutting_down", "not now"))
            again = await hand.start()
            assert isinstance(again.message, StartTask)
            assert again.message.attempt == 2

    perform(story, retry_delay_s=0.01)


def test_a_worker_cannot_end_the_task_of_another_agent_nor_one_that_nobody_knows() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand, attached(service, THEIRS) as other:
            await submit(service, "theirs", agent="b")
            await other.answer(await other.start(), TaskTaken("theirs", 1))
            for task_id in ("theirs", "nobody's"):
                for agent in ("a", "b"):
                    assert await hand.ask(report(task_id, agent=agent)) == ReportAnswered(task_id, False)
            assert await other.ask(report("theirs", b'{"by": "other"}')) == ReportAnswered("theirs", True)
            await service.ended("theirs")
            assert await service.result("theirs") == b'{"by": "other"}'

    perform(story)


def test_a_result_that_cannot_be_kept_is_refused_and_another_may_follow() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await submit(service, "t")
            await hand.answer(await hand.start(), TaskTaken("t", 1))
            for result in (b"{", b"[1]", b'"' + b"x" * 3000 + b'"'):
                answer = await hand.ask(report("t", result))
                assert isinstance(answer, Refused), answer
                assert answer.code == "invalid"
            assert await hand.ask(report("t")) == ReportAnswered("t", True)

    perform(story, max_body_bytes=2048)


def test_a_run_gives_way_and_the_task_comes_back_with_what_it_left() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await submit(service, "t")
            await hand.answer(await hand.start(), TaskTaken("t", 1))
            left = ReportYield("t", 1, 0, "not a", "not w", 12.5, b'{"step": 3}')
            for checkpoint in (b"[1]", b"{"):
                answer = await hand.ask(replace(left, checkpoint=checkpoint))
                assert isinstance(answer, Refused), answer
            assert await hand.ask(replace(left, attempt=2)) == ReportAnswered("t", False)
            assert await hand.ask(left) == ReportAnswered("t", True)
            again = await hand.start()
            assert isinstance(again.message, StartTask)
            assert (again.message.attempt, again.message.resumption) == (1, 1)
            assert again.message.checkpoint == b'{"step": 3}'
            assert await hand.ask(left) == ReportAnswered("t", False)
            await hand.answer(again, TaskTaken("t", 1))
            assert await hand.ask(replace(report("t"), resumption=1)) == ReportAnswered("t", True)

    perform(story)


def test_a_run_is_asked_to_give_way_and_may_not_put_it_off_for_ever() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand, rest_client(service.url) as rest:
            await submit(service, "t")
            await hand.answer(await hand.start(), TaskTaken("t", 1))
            await hand.ask(ReportProgress("t", 1, 0, "a"))  # by its answer, the one before has been read
            asked = await rest.post("/agents/a/tasks/t/preempt", {"reason": "urgent"})
            assert asked.body["enqueued"]
            question = await hand.next(lambda envelope: isinstance(envelope.message, YieldTask))
            assert isinstance(question.message, YieldTask)
            assert (question.message.task_id, question.message.reason) == ("t", "urgent")
            await hand.answer(question, YieldNoted("t", 1, 0, True, "commit", 1e12))
            code, reason = await hand.closed()
            assert (code, "deferred_ms" in reason) == (1008, True)

    perform(story)


def test_how_far_a_run_is_is_checked_and_counts_for_this_run_only() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await submit(service, "t")
            await hand.answer(await hand.start(), TaskTaken("t", 1))
            news = ReportProgress("t", 1, 0, "a", Activity(branch="main"), 0.5, b'{"step": 3}')
            assert await hand.ask(news) == ReportAnswered("t", True)
            assert await hand.ask(replace(news, resumption=1)) == ReportAnswered("t", False)
            answer = await hand.ask(replace(news, progress=2.0))
            assert isinstance(answer, Refused)
            assert "progress" in answer.reason

    perform(story)


def test_a_detached_worker_is_gone() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            removed = await hand.ask(DetachWorker("somebody else"))
            assert isinstance(removed, InstanceRemoval)
            assert removed.ti_uuid
            async with rest_client(service.url) as rest:
                assert (await rest.get("/queue/info")).body["queues"] == []

    perform(story)


@pytest.mark.parametrize(
    ("frame", "word"),
    [
        ("nonsense", "frame"),
        (b"bytes", "text"),
        ("[]", "AttachWorker"),
        ([report("t")], "AttachWorker"),
        ([ATTACH, ATTACH], "AttachWorker"),
        ([replace(ATTACH, agent_id="model:m")], "agent_id"),
        ([replace(ATTACH, capacity=0)], "capacity"),
    ],
)
def test_what_does_not_begin_as_a_worker_is_hung_up_on(frame: Any, word: str) -> None:
    async def story(service: Embedded) -> None:
        async with connected(service) as hand:
            if isinstance(frame, str):
                await hand.socket.send_str(frame)
            elif isinstance(frame, bytes):
                await hand.socket.send_bytes(frame)
            else:
                await hand.say(*(Envelope("c", SCHEDULER, message) for message in frame))
            code, reason = await hand.closed()
            assert code == 1008
            assert word in reason

    perform(story)


@pytest.mark.parametrize("message", [RemoveInstance("127.0.0.1", 1), ATTACH, PingWorker()])
def test_a_worker_that_says_what_is_not_its_to_say_is_hung_up_on(message: Message) -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand:
            await hand.say(Envelope("c", SCHEDULER, message, ReturnAddress(worker("w"), "c")))
            code, reason = await hand.closed()
            assert (code, type(message).__name__ in reason) == (1008, True)

    perform(story)


def test_an_answer_to_what_this_worker_was_not_asked_reaches_nobody() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as hand, attached(service, THEIRS) as other:
            await submit(service, "t")
            question = await hand.start()
            await other.answer(question, TaskTaken("t", 1))
            await other.ask(report("t"))  # by its answer, what came before has been read
            await hand.answer(question, Refused("shutting_down", "not now"))
            again = (await hand.start()).message
            assert isinstance(again, StartTask)
            assert again.attempt == 2, "the refusal counts, as the first answer"

    perform(story, retry_delay_s=0.01)


def test_a_page_in_a_browser_is_refused() -> None:
    async def story(service: Embedded) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            async with connected(service, Origin="http://somewhere"):
                pass

    perform(story)


def test_the_same_process_over_a_new_connection_takes_the_place_of_the_old_one() -> None:
    async def story(service: Embedded) -> None:
        async with attached(service) as old, AsyncExitStack() as later:
            told = asyncio.create_task(old.closed())
            new = await later.enter_async_context(attached(service))
            assert await told == (4409, "attached again over another connection")
            await submit(service, "t")
            assert isinstance((await new.start()).message, StartTask)

    perform(story)


def test_another_process_of_the_same_name_waits_until_the_first_is_gone() -> None:
    second = replace(ATTACH, incarnation="process-2")

    async def refused(service: Embedded) -> tuple[int, str]:
        async with connected(service) as hand:
            await hand.say(Envelope("c", SCHEDULER, second, ReturnAddress(worker("w"), "c")))
            return await hand.closed()

    async def story(service: Embedded) -> None:
        async with attached(service) as first:
            claim = asyncio.create_task(refused(service))
            ping = await first.next(lambda envelope: isinstance(envelope.message, PingWorker) and not claim.done())
            await first.answer(ping, WorkerAlive(1.0, 0))
            serving = asyncio.create_task(first.start())
            code, reason = await claim
            serving.cancel()
            assert code == 4409
            assert "another process" in reason
        async with attached(service, second):
            pass

    perform(story)
