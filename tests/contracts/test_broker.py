"""The contract of the broker port, for every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from actors.addresses import SCHEDULER, Address, ReturnAddress, agent, queue_of, worker
from actors.broker import Broker
from actors.envelope import Envelope
from actors.errors import BrokerUnavailable, NoSuchQueue
from actors.messages.agent import PreemptTask
from actors.messages.answers import QueuesDescribed
from actors.messages.scheduler import DescribeQueues, SubmitTask
from actors.messages.tasks import Activity, TaskSpec
from actors.messages.worker import PingWorker
from tests.contracts.broker_rigs import SHARDS, Kept, LocalRig, RabbitRig, Rig

AGENT = agent("worker-1")
QUEUE = queue_of(AGENT, SHARDS)

Story = Callable[[Broker], Awaitable[None]]


@pytest.fixture(params=["local", "classic", "quorum"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "local":
        return LocalRig()
    return RabbitRig(request.getfixturevalue("rabbit"), request.param)


def perform(rig: Rig, *stories: Story) -> None:
    """Run each story on a broker of its own, one after the other, on the same queues."""

    async def run() -> None:
        for story in stories:
            broker = rig.broker()
            await broker.open()
            try:
                await broker.declare(["swarm.scheduler", QUEUE])
                await story(broker)
            finally:
                await broker.close()

    asyncio.run(run())


def numbered(first: int, last: int, to: Address = AGENT) -> list[Envelope]:
    return [Envelope(f"m-{n}", to, PreemptTask(f"task-{n}", 1, 0, "urgent")) for n in range(first, last)]


def ids(envelopes: Sequence[Envelope]) -> list[str]:
    return [envelope.id for envelope in envelopes]


def test_what_is_published_arrives_whole_and_in_order(rig: Rig) -> None:
    sent = numbered(0, 700)

    async def story(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        for start in range(0, len(sent), 50):
            await broker.publish(sent[start : start + 50])
        assert await kept.have(len(sent)) == sent

    perform(rig, story)


def test_order_holds_among_publishes_that_overlap(rig: Rig) -> None:
    sent = numbered(0, 300)

    async def story(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        await asyncio.gather(*(broker.publish([envelope]) for envelope in sent))
        assert await kept.have(len(sent)) == sent

    perform(rig, story)


def test_every_field_of_an_envelope_survives(rig: Rig) -> None:
    spec = TaskSpec(
        "t", "a", "m", -19, 1697123456.789, "d", "grpc", "repo.a", 5, "http://x/", Activity("r", "w", "b", "é")
    )
    asked = Envelope(
        "q", SCHEDULER, SubmitTask(spec, bytes(range(256)), "application/x", b"{}"),
        ReturnAddress(Address("gateway", "g-1"), "c-1"),
    )  # fmt: skip

    async def story(broker: Broker) -> None:
        kept = Kept()
        await broker.receive("swarm.scheduler", kept)
        await broker.publish([asked])
        assert await kept.have(1) == [asked]

    perform(rig, story)


def test_envelopes_larger_than_a_frame_and_than_a_bundle_arrive(rig: Rig) -> None:
    big = [
        Envelope(f"b-{n}", AGENT, PreemptTask("t", 1, 0, str(n) * size))
        for n, size in enumerate((200_000, 3_000_000, 10))
    ]

    async def story(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        await broker.publish(big)
        assert await kept.have(3) == big

    perform(rig, story)


def test_one_publish_reaches_several_queues(rig: Rig) -> None:
    async def story(broker: Broker) -> None:
        for_scheduler, for_agent = Kept(), Kept()
        await broker.receive("swarm.scheduler", for_scheduler)
        await broker.receive(QUEUE, for_agent)
        await broker.publish([Envelope("s", SCHEDULER, DescribeQueues()), *numbered(0, 2)])
        assert ids(await for_scheduler.have(1)) == ["s"]
        assert ids(await for_agent.have(2)) == ["m-0", "m-1"]

    perform(rig, story)


def test_what_is_published_before_anyone_receives_waits(rig: Rig) -> None:
    async def publish(broker: Broker) -> None:
        await broker.publish(numbered(0, 3))

    async def receive(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        assert ids(await kept.have(3)) == ["m-0", "m-1", "m-2"]

    perform(rig, publish, receive)


def test_what_was_not_settled_comes_again_after_a_close_and_what_was_settled_does_not(rig: Rig) -> None:
    async def settle_the_second_only(broker: Broker) -> None:
        kept = Kept(settles=False)
        await broker.receive(QUEUE, kept)
        for envelope in numbered(0, 4):
            await broker.publish([envelope])
        await kept.have(4)
        assert all(delivery.redeliverable for delivery in kept.deliveries)
        kept.deliveries[1].settle()

    async def receive_again(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        await broker.publish(numbered(9, 10))
        assert ids(await kept.have(4)) == ["m-0", "m-2", "m-3", "m-9"]

    async def nothing_is_left(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        await broker.publish(numbered(10, 11))
        assert ids(await kept.have(1)) == ["m-10"]

    perform(rig, settle_the_second_only, receive_again, nothing_is_left)


def test_what_is_put_back_is_delivered_again(rig: Rig) -> None:
    async def story(broker: Broker) -> None:
        kept = Kept(settles=False)
        await broker.receive(QUEUE, kept)
        await broker.publish(numbered(0, 1))
        await kept.have(1)
        kept.deliveries[0].put_back()
        assert ids(await kept.have(2)) == ["m-0", "m-0"]
        kept.deliveries[1].settle()

    perform(rig, story)


def test_after_stop_receiving_the_unsettled_waits_in_the_queue(rig: Rig) -> None:
    async def story(broker: Broker) -> None:
        first, second = Kept(settles=False), Kept()
        await broker.receive(QUEUE, first)
        await broker.publish(numbered(0, 2))
        await first.have(2)
        await broker.stop_receiving(QUEUE)
        await broker.publish(numbered(2, 3))
        await broker.receive(QUEUE, second)
        assert ids(await second.have(3)) == ["m-0", "m-1", "m-2"]
        assert len(first.envelopes) == 2

    perform(rig, story)


def test_an_answer_reaches_the_temporary_queue_of_its_gateway(rig: Rig) -> None:
    gateway = Address("gateway", "g-7")
    answer: Any = QueuesDescribed((), "shortest_queue", 0, 0)

    async def story(broker: Broker) -> None:
        kept = Kept()
        await broker.receive(queue_of(gateway, SHARDS), kept, temporary=True)
        await broker.publish([Envelope("c-1", gateway, answer)])
        assert await kept.have(1) == [Envelope("c-1", gateway, answer)]

    perform(rig, story)


def test_publishing_to_a_queue_that_does_not_exist_is_refused(rig: Rig) -> None:
    async def story(broker: Broker) -> None:
        missing = next(a for a in map(agent, map(str, range(99))) if queue_of(a, SHARDS) != QUEUE)
        with pytest.raises(BrokerUnavailable, match=queue_of(missing, SHARDS)):
            await broker.publish([Envelope("x", missing, PreemptTask("t", 1, 0, ""))])

    perform(rig, story)


def test_a_worker_is_reached_by_its_queue_while_it_is_there_and_not_before_or_after(rig: Rig) -> None:
    to = worker("w 1")
    asked = Envelope("c-1", to, PingWorker(), ReturnAddress(Address("gateway", "g-1"), "c-1"))

    async def story(broker: Broker) -> None:
        for _ in range(2):
            with pytest.raises(NoSuchQueue, match="w 1"):
                await broker.publish([asked])
            kept = Kept()
            await broker.receive(queue_of(to, SHARDS), kept, temporary=True)
            await broker.publish([asked])
            assert await kept.have(1) == [asked]
            await broker.stop_receiving(queue_of(to, SHARDS))

    perform(rig, story)


def test_of_two_receivers_the_one_of_the_higher_rank_is_delivered_to(rig: Rig) -> None:
    async def story(broker: Broker) -> None:
        former, newer = Kept(settles=False), Kept()
        await broker.receive(QUEUE, former, rank=1)
        await broker.publish(numbered(0, 5))
        await former.have(5)
        other = rig.beside(broker)
        await other.open()
        await other.receive(QUEUE, newer, rank=2)
        for n in range(5, 25):
            await broker.publish(numbered(n, n + 1))
        assert sorted(ids(await newer.have(20))) == sorted(ids(numbered(5, 25)))
        await broker.stop_receiving(QUEUE)
        assert set(ids(await newer.have(25))) == set(ids(numbered(0, 25))), "what the former one had not settled"
        assert len(former.envelopes) == 5
        for delivery in former.deliveries:
            delivery.settle()  # too late to count
        await other.close()

    perform(rig, story)


def test_a_closed_broker_is_down_and_publishes_nothing(rig: Rig) -> None:
    async def story(broker: Broker) -> None:
        conditions = [broker.condition]
        await broker.close()
        conditions.append(broker.condition)
        assert conditions == ["up", "down"]
        with pytest.raises(BrokerUnavailable):
            await broker.publish(numbered(0, 1))

    perform(rig, story)
