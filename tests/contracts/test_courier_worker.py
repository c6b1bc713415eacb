"""The courier to attached workers, on every broker: what each errand asks, and what each outcome means."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from actors.addresses import queue_of, worker
from actors.broker import Broker, Delivery
from actors.couriers.by_protocol import CourierByProtocol
from actors.couriers.worker import NOT_ATTACHED, WorkerCourier
from actors.envelope import Envelope
from actors.errands import (
    CancelOnInstance,
    Endpoint,
    Errand,
    PostCallback,
    ProbeInstance,
    PushToInstance,
    TellToLeave,
    YieldOnInstance,
)
from actors.messages import Answer, Message
from actors.messages.agent import CallbackAnswered
from actors.messages.answers import Refused, TaskStopped, TaskTaken, WorkerAlive, WorkerLeaving, YieldNoted
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, YieldAnswered
from actors.messages.worker import LeaveAgent, PingWorker, StartTask, StopTask, YieldTask
from actors.store import Payload
from gateway.asking import Asking
from tests.contracts.broker_rigs import LocalRig, RabbitRig, Rig
from tests.contracts.courier_rigs import INPUT, TASK, Shelf, a_courier

SHARDS = 2
ENDPOINT = Endpoint("w 1", 0, "worker")
PUSH = PushToInstance(ENDPOINT, "t 1", 2, "agent:a")
YIELD = YieldOnInstance(ENDPOINT, "t 1", 2, 3, "urgent", 30_000, terminate=True)
LEFT = Payload(b'{"step": 7}', "application/json", b"{}")
START = StartTask("t 1", 2, "model:m", "m", INPUT.body, INPUT.content_type, INPUT.metadata, "ti", "swarm.dispatcher-1")

Respond: TypeAlias = Callable[[Message], Answer | None]


@pytest.fixture(params=["local", "rabbitmq"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "local":
        return LocalRig()
    return RabbitRig(request.getfixturevalue("rabbit"))


class Attached:
    """A worker that answers everything as `respond` says; None is silence."""

    def __init__(self, broker: Broker, respond: Respond) -> None:
        self.asked: list[Message] = []
        self._broker = broker
        self._respond = respond
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, delivery: Delivery) -> None:
        for envelope in delivery.envelopes:
            self.asked.append(envelope.message)
            answer = self._respond(envelope.message)
            if answer is not None and envelope.reply_to is not None:
                sent = Envelope(envelope.reply_to.correlation, envelope.reply_to.to, answer)
                self._tasks.add(asyncio.ensure_future(self._broker.publish([sent])))
        delivery.settle()


@asynccontextmanager
async def courier_on(broker: Broker, shelf: Shelf | None = None) -> AsyncIterator[WorkerCourier]:
    async def post(envelopes: Sequence[Envelope]) -> None:
        await broker.publish(envelopes)

    asking = Asking(post, 30.0)
    await broker.open()
    try:
        await broker.receive(queue_of(asking.address, SHARDS), asking.receive, temporary=True)
        yield WorkerCourier(asking, shelf or Shelf(), shards=SHARDS, push_timeout_s=5.0, probe_timeout_s=5.0)
    finally:
        await broker.close()


def outcome(
    rig: Rig, errand: Errand, respond: Respond, shelf: Shelf | None = None
) -> tuple[Message | None, list[Message]]:
    """What came of the errand, and what the worker was asked."""

    async def run() -> tuple[Message | None, list[Message]]:
        broker = rig.broker()
        async with courier_on(broker, shelf) as courier:
            attached = Attached(broker, respond)
            await broker.receive(queue_of(worker("w 1"), SHARDS), attached, temporary=True)
            return await courier.run(errand), attached.asked

    return asyncio.run(run())


def test_a_push_gives_the_whole_task_and_says_where_to_report(rig: Rig) -> None:
    came, asked = outcome(rig, PUSH, lambda _: TaskTaken("t 1", 2))
    assert came == PushAnswered("t 1", 2, "accepted")
    [start] = asked
    assert isinstance(start, StartTask)
    assert replace(start, report_queue=START.report_queue) == START
    assert start.report_queue.startswith("swarm.dispatcher-")


def test_an_input_of_any_bytes_arrives_as_it_is(rig: Rig) -> None:
    shelf = Shelf(payloads={"input": dataclasses.replace(INPUT, body=bytes(range(256)), content_type="application/x")})
    _, [start] = outcome(rig, PUSH, lambda _: TaskTaken("t 1", 2), shelf)
    assert isinstance(start, StartTask)
    assert (start.input, start.content_type) == (bytes(range(256)), "application/x")


@pytest.mark.parametrize(
    ("attempt", "resumption", "checkpoint"), [(1, 0, b""), (1, 1, LEFT.body), (2, 0, LEFT.body), (2, 3, LEFT.body)]
)
def test_every_run_but_the_first_is_given_what_was_left_behind(
    rig: Rig, attempt: int, resumption: int, checkpoint: bytes
) -> None:
    push = replace(PUSH, attempt=attempt, resumption=resumption)
    shelf = Shelf(payloads={"input": INPUT, "checkpoint": LEFT})
    came, [start] = outcome(rig, push, lambda _: TaskTaken("t 1", attempt), shelf)
    assert came == PushAnswered("t 1", attempt, "accepted", resumption=resumption)
    assert isinstance(start, StartTask)
    assert (start.attempt, start.resumption, start.checkpoint) == (attempt, resumption, checkpoint)


def test_where_nothing_was_left_behind_there_is_no_checkpoint(rig: Rig) -> None:
    _, [start] = outcome(rig, replace(PUSH, resumption=1), lambda _: TaskTaken("t 1", 2))
    assert isinstance(start, StartTask)
    assert start.checkpoint == b""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (YieldNoted("t 1", 2, 3, True), YieldAnswered("t 1", 2, 3, "noted")),
        (
            YieldNoted("t 1", 2, 3, True, "commit", 400.0),
            YieldAnswered("t 1", 2, 3, "noted", section="commit", deferred_ms=400.0),
        ),
        (YieldNoted("t 1", 2, 3, False), YieldAnswered("t 1", 2, 3, "gone")),
        (Refused("invalid", "what?"), YieldAnswered("t 1", 2, 3, "unheard")),
    ],
)
def test_a_run_is_asked_to_give_way(rig: Rig, answer: Answer, expected: YieldAnswered) -> None:
    came, asked = outcome(rig, YIELD, lambda _: answer)
    assert came == expected
    assert asked == [YieldTask("t 1", 2, 3, "urgent", 30_000, terminate=True)]


def test_a_worker_is_told_to_leave_and_nothing_comes_of_it(rig: Rig) -> None:
    came, asked = outcome(rig, TellToLeave(ENDPOINT, "over", 1500), lambda _: WorkerLeaving(1))
    assert came is None
    assert asked == [LeaveAgent("over", 1500)]


def test_a_worker_that_refuses_has_not_taken_it(rig: Rig) -> None:
    came, _ = outcome(rig, PUSH, lambda _: Refused("shutting_down", "leaving"))
    assert came == PushAnswered("t 1", 2, "refused", "leaving")


def test_a_task_that_is_not_in_the_store_is_refused_without_asking(rig: Rig) -> None:
    came, asked = outcome(rig, PUSH, lambda _: TaskTaken("t 1", 2), Shelf(dataclasses.replace(TASK, task_id="other")))
    assert isinstance(came, PushAnswered)
    assert came.outcome == "refused"
    assert not asked


def test_what_is_started_in_one_moment_goes_together_and_has_outcomes_of_its_own(rig: Rig) -> None:
    def respond(message: Message) -> Answer | None:
        assert isinstance(message, StartTask)
        return Refused("invalid", "not twice") if message.attempt == 3 else TaskTaken(message.task_id, message.attempt)

    async def run() -> tuple[list[Message | None], list[int]]:
        broker = rig.broker()
        async with courier_on(broker) as courier:
            attached, arrived = Attached(broker, respond), list[int]()

            def receive(delivery: Delivery) -> None:
                arrived.append(len(delivery.envelopes))
                attached(delivery)

            await broker.receive(queue_of(worker("w 1"), SHARDS), receive, temporary=True)
            pushes = [PUSH, replace(PUSH, attempt=3), replace(PUSH, task_id="unknown")]
            return await asyncio.gather(*(courier.run(push) for push in pushes)), arrived

    outcomes, arrived = asyncio.run(run())
    assert outcomes == [
        PushAnswered("t 1", 2, "accepted"),
        PushAnswered("t 1", 3, "refused", "not twice"),
        PushAnswered("unknown", 2, "refused", "the task is not in the store"),
    ]
    assert sum(arrived) == 2
    assert len(arrived) == 1 or isinstance(rig, LocalRig)


def test_a_probe_brings_the_uptime(rig: Rig) -> None:
    came, asked = outcome(rig, ProbeInstance(ENDPOINT), lambda _: WorkerAlive(12.5, 1))
    assert came == ProbeAnswered(True, uptime_s=12.5)
    assert asked == [PingWorker()]


def test_a_cancel_stops_the_attempt_and_has_no_outcome(rig: Rig) -> None:
    came, [stop] = outcome(rig, CancelOnInstance(ENDPOINT, "t 1", 2, 3), lambda _: TaskStopped("t 1", 2, True))
    assert came is None
    assert isinstance(stop, StopTask)
    assert (stop.task_id, stop.attempt, stop.resumption) == ("t 1", 2, 3)


def test_where_no_worker_is_nothing_was_sent(rig: Rig) -> None:
    async def run() -> list[Message | None]:
        async with courier_on(rig.broker()) as courier:
            cancel, leave = CancelOnInstance(ENDPOINT, "t 1", 2), TellToLeave(ENDPOINT, "over", 0)
            errands: list[Errand] = [PUSH, ProbeInstance(ENDPOINT), cancel, YIELD, leave]
            return [await courier.run(errand) for errand in errands]

    assert asyncio.run(run()) == [
        PushAnswered("t 1", 2, "unreachable", NOT_ATTACHED),
        ProbeAnswered(False, NOT_ATTACHED),
        None,
        YieldAnswered("t 1", 2, 3, "unheard"),
        None,
    ]


def test_a_worker_that_has_gone_is_no_longer_there(rig: Rig) -> None:
    async def run() -> Message | None:
        broker = rig.broker()
        async with courier_on(broker) as courier:
            queue = queue_of(worker("w 1"), SHARDS)
            await broker.receive(queue, Attached(broker, lambda _: TaskTaken("t 1", 2)), temporary=True)
            await broker.stop_receiving(queue)
            return await courier.run(PUSH)

    assert asyncio.run(run()) == PushAnswered("t 1", 2, "unreachable", NOT_ATTACHED)


def test_a_worker_that_says_nothing_may_have_the_task(rig: Rig) -> None:
    async def run() -> list[Message | None]:
        broker = rig.broker()
        async with courier_on(broker) as courier:
            courier._push_timeout_s = courier._probe_timeout_s = 0.3
            await broker.receive(queue_of(worker("w 1"), SHARDS), Attached(broker, lambda _: None), temporary=True)
            return [await courier.run(errand) for errand in (PUSH, ProbeInstance(ENDPOINT), YIELD)]

    assert asyncio.run(run()) == [
        PushAnswered("t 1", 2, "unknown", "no answer in time"),
        ProbeAnswered(False, "no answer in time"),
        YieldAnswered("t 1", 2, 3, "unheard"),
    ]


def test_a_broker_that_is_away_says_nothing_about_the_worker(rig: Rig) -> None:
    async def run() -> list[Message | None]:
        broker = rig.broker()
        async with courier_on(broker) as courier:
            await broker.close()
            return [await courier.run(PUSH), await courier.run(ProbeInstance(ENDPOINT))]

    push, probe = asyncio.run(run())
    assert isinstance(push, PushAnswered)
    assert push.outcome == "unknown"
    assert probe is None


def test_each_errand_goes_by_its_protocol() -> None:
    async def run() -> list[Message | None]:
        async with courier_on(LocalRig().broker()) as workers, a_courier() as http:
            both = CourierByProtocol(http, workers)
            listening = Endpoint("127.0.0.1", 1, "submit")
            errands: list[Errand] = [PUSH, PushToInstance(listening, "t 1", 2, "m"), PostCallback("ftp://x", "t 1")]
            return [await both.run(errand) for errand in errands]

    to_worker, to_instance, callback = asyncio.run(run())
    assert to_worker == PushAnswered("t 1", 2, "unreachable", NOT_ATTACHED)
    assert isinstance(to_instance, PushAnswered)
    assert to_instance.detail not in ("", NOT_ATTACHED)
    assert isinstance(callback, CallbackAnswered)
