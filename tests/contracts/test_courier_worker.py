"""The courier to attached workers, on every broker: what each errand asks, and what each outcome means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

import pytest

from actors.addresses import queue_of, worker
from actors.broker import Broker, Delivery
from actors.couriers.by_protocol import CourierByProtocol
from actors.couriers.worker import NOT_ATTACHED, WorkerCourier
from actors.envelope import Envelope
from actors.errands import CancelOnInstance, Endpoint, Errand, PostCallback, ProbeInstance, PushToInstance
from actors.messages import Answer, Message
from actors.messages.agent import CallbackAnswered
from actors.messages.answers import Refused, TaskStopped, TaskTaken, WorkerAlive
from actors.messages.dispatcher import ProbeAnswered, PushAnswered
from actors.messages.worker import PingWorker, StartTask, StopTask
from gateway.asking import Asking
from tests.contracts.broker_rigs import LocalRig, RabbitRig, Rig
from tests.contracts.courier_rigs import INPUT, TASK, Shelf, a_courier

SHARDS = 2
ENDPOINT = Endpoint("w 1", 0, "worker")
PUSH = PushToInstance(ENDPOINT, "t 1", 2, "agent:a")
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
    async def post(envelope: Envelope) -> None:
        await broker.publish([envelope])

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
    shelf = Shelf(payloads={"input": replace(INPUT, body=bytes(range(256)), content_type="application/x")})
    _, [start] = outcome(rig, PUSH, lambda _: TaskTaken("t 1", 2), shelf)
    assert isinstance(start, StartTask)
    assert (start.input, start.content_type) == (bytes(range(256)), "application/x")


def test_a_worker_that_refuses_has_not_taken_it(rig: Rig) -> None:
    came, _ = outcome(rig, PUSH, lambda _: Refused("shutting_down", "leaving"))
    assert came == PushAnswered("t 1", 2, "refused", "leaving")


def test_a_task_that_is_not_in_the_store_is_refused_without_asking(rig: Rig) -> None:
    came, asked = outcome(rig, PUSH, lambda _: TaskTaken("t 1", 2), Shelf(replace(TASK, task_id="other")))
    assert isinstance(came, PushAnswered)
    assert came.outcome == "refused"
    assert not asked


def test_a_probe_brings_the_uptime(rig: Rig) -> None:
    came, asked = outcome(rig, ProbeInstance(ENDPOINT), lambda _: WorkerAlive(12.5, 1))
    assert came == ProbeAnswered(True, uptime_s=12.5)
    assert asked == [PingWorker()]


def test_a_cancel_stops_the_attempt_and_has_no_outcome(rig: Rig) -> None:
    came, [stop] = outcome(rig, CancelOnInstance(ENDPOINT, "t 1", 2), lambda _: TaskStopped("t 1", 2, True))
    assert came is None
    assert isinstance(stop, StopTask)
    assert (stop.task_id, stop.attempt) == ("t 1", 2)


def test_where_no_worker_is_nothing_was_sent(rig: Rig) -> None:
    async def run() -> list[Message | None]:
        async with courier_on(rig.broker()) as courier:
            errands: list[Errand] = [PUSH, ProbeInstance(ENDPOINT), CancelOnInstance(ENDPOINT, "t 1", 2)]
            return [await courier.run(errand) for errand in errands]

    assert asyncio.run(run()) == [
        PushAnswered("t 1", 2, "unreachable", NOT_ATTACHED),
        ProbeAnswered(False, NOT_ATTACHED),
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
            return [await courier.run(PUSH), await courier.run(ProbeInstance(ENDPOINT))]

    assert asyncio.run(run()) == [
        PushAnswered("t 1", 2, "unknown", "no answer in time"),
        ProbeAnswered(False, "no answer in time"),
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
